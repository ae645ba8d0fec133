//! How turns are sent. tonic's encoder keeps a buffer for as long as a call lasts, as large as the
//! call's largest turn: that was a third of what an open call took. Here a turn has the memory that it
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
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::NamedService;
use tonic::{Request, Status, Streaming};

use crate::gateway::codec::SmallCodec;
use crate::gateway::wire::pb::CallTurn;
use crate::gateway::wire::pb::call_gateway_server::{CallGateway, CallGatewayServer, SERVICE_NAME};

/// The method that is served here.
const CONVERSE: &str = "/dana.gateway.v1.CallGateway/Converse";
/// How messages are compressed: not at all.
const IDENTITY: &str = "identity";
/// Before a message: whether it is compressed, and its length.
const PREFIX_LEN: usize = 5;

type HttpRequest = http::Request<tonic::body::Body>;
type HttpResponse = http::Response<tonic::body::Body>;

/// A service whose `Converse` is answered here, and all else as it is generated.
#[derive(Clone)]
pub struct Served<T> {
    own: Arc<T>,
    others: CallGatewayServer<T>,
    /// Longest event, in bytes.
    max_event: usize,
}

impl<T> Served<T> {
    /// Serves with these limits of a message in and out, in bytes; what bounds a turn is the dialog.
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

impl<T> NamedService for Served<T> {
    const NAME: &'static str = SERVICE_NAME;
}

impl<T: CallGateway> Service<HttpRequest> for Served<T>
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
        if request.uri().path() != CONVERSE {
            return self.others.call(request);
        }
        let (head, body) = request.into_parts();
        let encoding = head.headers.get("grpc-encoding");
        if encoding.is_some_and(|encoding| encoding != IDENTITY) {
            return Box::pin(async { Ok(compressed().into_http()) });
        }
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

/// Refused as gRPC has it: with what is understood instead.
fn compressed() -> Status {
    let accepted = MetadataValue::from_static(IDENTITY);
    let mut status = Status::unimplemented("events are not to be compressed");
    let metadata = status.metadata_mut();
    metadata.insert("grpc-accept-encoding", accepted);
    status
}

fn answer<S>(turns: S) -> HttpResponse
where
    S: Stream<Item = Result<CallTurn, Status>> + Unpin + Send + 'static,
{
    let turns = Turns { turns: Some(turns) };
    let mut response = http::Response::new(tonic::body::Body::new(turns));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// The turns of a call, as the body of an answer: each is a message, and the status stands behind all.
struct Turns<S> {
    /// `None`: the status was sent.
    turns: Option<S>,
}

impl<S: Stream<Item = Result<CallTurn, Status>> + Unpin> Body for Turns<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(turns) = &mut self.turns else {
            return Poll::Ready(None);
        };
        let turn = ready!(Pin::new(turns).poll_next(cx));
        let frame = match turn.map(|turn| turn.and_then(|turn| message(&turn))) {
            Some(Ok(message)) => Frame::data(message),
            Some(Err(status)) => self.end(&status)?,
            None => self.end(&Status::ok(""))?,
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.turns.is_none()
    }
}

impl<S> Turns<S> {
    fn end(&mut self, status: &Status) -> Result<Frame<Bytes>, Status> {
        self.turns = None;
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
