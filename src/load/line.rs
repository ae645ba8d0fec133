//! Connections and streams of a load, on bare HTTP/2: a load generator has to cost less than the
//! service that it loads. Knows frames, not what is in them.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message;

use crate::client::Target;
use crate::load::Failure;

/// A turn that a call has not read yet must not stop its connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// A turn beyond this is none.
const MAX_TURN: usize = 4 * 1024 * 1024;

/// One connection.
#[derive(Clone)]
pub(super) struct Connection {
    requests: SendRequest<Bytes>,
    request: http::Request<()>,
}

impl Connection {
    /// Connects; its frames move in a task of this runtime.
    pub(super) async fn open(target: &Target) -> Result<Self, Failure> {
        let connected = target.connect().await;
        let connected = connected.map_err(|_| Failure::Unreachable)?;
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let (requests, connection) = builder
            .handshake(connected)
            .await
            .map_err(|_| Failure::Unreachable)?;
        tokio::spawn(connection);
        let request = http::Request::post(format!("{target}/dana.gateway.v1.CallGateway/Converse"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|_| Failure::Unreachable)?;
        Ok(Self { requests, request })
    }

    /// Whether more streams can be opened, now or once others have ended.
    pub(super) fn is_open(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        !matches!(
            self.requests.clone().poll_ready(&mut cx),
            Poll::Ready(Err(_))
        )
    }

    /// Opens a stream, once the service has room for one more.
    pub(super) async fn stream(&self) -> Result<Stream, Failure> {
        let requests = self.requests.clone().ready().await;
        let mut requests = requests.map_err(|_| Failure::Lost)?;
        let (response, events) = requests
            .send_request(self.request.clone(), false)
            .map_err(|_| Failure::Lost)?;
        Ok(Stream {
            events,
            turns: Turns::Awaited(response),
            part: BytesMut::new(),
            whole: VecDeque::new(),
        })
    }
}

/// One stream: events out, turns in.
pub(super) struct Stream {
    events: SendStream<Bytes>,
    turns: Turns,
    /// The beginning of a turn whose end has not come.
    part: BytesMut,
    whole: VecDeque<Bytes>,
}

enum Turns {
    Awaited(ResponseFuture),
    Coming(RecvStream),
    Over,
}

impl Stream {
    /// Sends one message in a frame of its own.
    pub(super) fn send(&mut self, message: &impl Message) -> Result<(), Failure> {
        let length = message.encoded_len();
        let mut frame = BytesMut::with_capacity(5 + length);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        message.encode(&mut frame).map_err(|_| Failure::Lost)?;
        self.events
            .send_data(frame.freeze(), false)
            .map_err(|_| Failure::Lost)
    }

    /// Nothing more will be sent.
    pub(super) fn half_close(&mut self) {
        // A stream that is gone shows when it is read.
        let _ = self.events.send_data(Bytes::new(), true);
    }

    /// The next turn; `None` at the stream's good end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            if let Some(turn) = self.whole.pop_front() {
                return Poll::Ready(Ok(Some(turn)));
            }
            match &mut self.turns {
                Turns::Awaited(response) => {
                    let response = ready!(std::pin::Pin::new(response).poll(cx));
                    let response = response.map_err(|_| Failure::Lost)?;
                    if response.headers().contains_key("grpc-status") {
                        return Poll::Ready(Err(refused(response.headers())));
                    }
                    self.turns = Turns::Coming(response.into_body());
                }
                Turns::Coming(turns) => {
                    if let Some(data) = ready!(turns.poll_data(cx)) {
                        let data = data.map_err(|_| Failure::Lost)?;
                        // It was received; a window that is not given back is a stall of ours.
                        let _ = turns.flow_control().release_capacity(data.len());
                        self.split(data)?;
                        continue;
                    }
                    let trailers = ready!(turns.poll_trailers(cx));
                    let trailers = trailers.map_err(|_| Failure::Lost)?.unwrap_or_default();
                    self.turns = Turns::Over;
                    if trailers.get("grpc-status").is_none_or(|code| code != "0") {
                        return Poll::Ready(Err(refused(&trailers)));
                    }
                }
                Turns::Over => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Messages out of frames; most are one of each.
    fn split(&mut self, mut data: Bytes) -> Result<(), Failure> {
        if !self.part.is_empty() {
            self.part.extend_from_slice(&data);
            data = self.part.split().freeze();
        }
        while let Some(head) = data.first_chunk::<5>() {
            let [_, length @ ..] = *head;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > MAX_TURN {
                return Err(Failure::Unreadable);
            }
            if data.len() < 5 + length {
                break;
            }
            data.advance(5);
            self.whole.push_back(data.split_to(length));
        }
        if !data.is_empty() {
            self.part.extend_from_slice(&data);
        }
        Ok(())
    }
}

/// A status of the contract: its code, and its message, which says what is wrong.
fn refused(headers: &http::HeaderMap) -> Failure {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().replace("%20", " ")
    };
    let code = text("grpc-status").parse().unwrap_or(2);
    Failure::Refused {
        code: tonic::Code::from_i32(code),
        message: text("grpc-message"),
    }
}
