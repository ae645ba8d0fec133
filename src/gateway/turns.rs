//! How turns are sent. tonic's encoder keeps a buffer for as long as a call lasts, as large as the
//! call's largest turn: that was half of what an open call took. Here a turn has the memory that it
//! needs, and gives it back when it is sent. All else is as tonic has it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame};
use prost::Message;
use tokio_stream::Stream;
use tonic::codec::Codec;
use tonic::codegen::{BoxFuture, Service};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Request, Status, Streaming};

use crate::gateway::codec::SmallCodec;
use crate::gateway::wire::pb::CallTurn;
use crate::gateway::wire::pb::call_gateway_server::{CallGateway, CallGatewayServer, SERVICE_NAME};

/// The method that is served here.
const CONVERSE: &str = "Converse";
/// Before a message: whether it is compressed, and its length.
const PREFIX_LEN: usize = 5;

type HttpRequest = http::Request<tonic::body::Body>;
type HttpResponse = http::Response<tonic::body::Body>;

/// A service whose `Converse` is served here, and all else as it is generated.
pub struct Lean<T> {
    own: Arc<T>,
    others: CallGatewayServer<T>,
    /// Longest event, in bytes.
    max_event: usize,
}

impl<T> Lean<T> {
    /// Serves with these limits of a message in and out, in bytes.
    pub fn new(service: T, max_event: usize, max_answer: usize) -> Self {
        let own = Arc::new(service);
        let others = CallGatewayServer::from_arc(Arc::clone(&own))
            .max_decoding_message_size(max_event)
            .max_encoding_message_size(max_answer);
        Self {
            own,
            others,
            max_event,
        }
    }
}

impl<T> Clone for Lean<T> {
    fn clone(&self) -> Self {
        Self {
            own: Arc::clone(&self.own),
            others: self.others.clone(),
            max_event: self.max_event,
        }
    }
}

impl<T> NamedService for Lean<T> {
    const NAME: &'static str = SERVICE_NAME;
}

impl<T: CallGateway> Service<HttpRequest> for Lean<T>
where
    T::ConverseStream: Unpin,
{
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = BoxFuture<HttpResponse, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        if request.uri().path().rsplit('/').next() != Some(CONVERSE) {
            return self.others.call(request);
        }
        let (head, body) = request.into_parts();
        let decoder = SmallCodec::<CallTurn, _>::default().decoder();
        let events = Streaming::new_request(decoder, body, None, Some(self.max_event));
        let metadata = MetadataMap::from_headers(head.headers);
        let request = Request::from_parts(metadata, head.extensions, events);
        let own = Arc::clone(&self.own);
        Box::pin(async move {
            Ok(match own.converse(request).await {
                Ok(turns) => answer(turns.into_inner()),
                Err(status) => status.into_http(),
            })
        })
    }
}

fn answer<S>(turns: S) -> HttpResponse
where
    S: Stream<Item = Result<CallTurn, Status>> + Unpin + Send + 'static,
{
    let turns = Turns { turns, over: false };
    let mut response = http::Response::new(tonic::body::Body::new(turns));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// The turns of a call, as the body of an answer: each is a message, and the status stands behind all.
struct Turns<S> {
    turns: S,
    over: bool,
}

impl<S: Stream<Item = Result<CallTurn, Status>> + Unpin> Body for Turns<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let turn = ready!(Pin::new(&mut self.turns).poll_next(cx));
        let frame = match turn.map(|turn| turn.and_then(|turn| message(&turn))) {
            Some(Ok(message)) => Frame::data(message),
            Some(Err(status)) => self.end(&status)?,
            None => self.end(&Status::ok(""))?,
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}

impl<S> Turns<S> {
    fn end(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        self.over = true;
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers)?;
        Ok(Frame::trailers(trailers))
    }
}

/// A turn with its prefix, not compressed.
fn message(turn: &CallTurn) -> Result<Bytes, Status> {
    let length = turn.encoded_len();
    let told = u32::try_from(length).map_err(|_| Status::internal("a turn is too long"))?;
    let mut bytes = Vec::with_capacity(PREFIX_LEN + length);
    bytes.put_u8(0);
    bytes.put_u32(told);
    turn.encode_raw(&mut bytes);
    Ok(bytes.into())
}
