//! The floor: bare tonic, the same proto, messages of the same size. It answers the n-th event of a
//! stream with the n-th turn of one recorded call and knows nothing of what is in either.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dana::gateway::turns::Served;
use dana::gateway::wire::pb;
use dana::gateway::wire::pb::call_gateway_server::{CallGateway, CallGatewayServer};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// What is answered: the turns of one call.
pub(crate) type Tape = Arc<[pb::CallTurn]>;

/// One stream.
pub(crate) struct Echo {
    events: Streaming<pb::CallEvent>,
    tape: Tape,
    at: usize,
}

impl Stream for Echo {
    type Item = Result<pb::CallTurn, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = loop {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                // A sign of life.
                Some(Ok(event)) if event.seq == 0 => {}
                Some(Ok(event)) => break event,
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(None),
            }
        };
        let mut turn = self.tape.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        turn.seq = event.seq;
        turn.acked_event_seq = event.seq;
        Poll::Ready(Some(Ok(turn)))
    }
}

/// With the codec that Dana uses.
#[derive(Clone)]
pub(crate) struct Floor(pub(crate) Tape);

#[tonic::async_trait]
impl CallGateway for Floor {
    type ConverseStream = Echo;
    type FetchPromptStream = tokio_stream::Empty<Result<pb::AudioChunk, Status>>;

    async fn converse(
        &self,
        request: Request<Streaming<pb::CallEvent>>,
    ) -> Result<Response<Echo>, Status> {
        Ok(Response::new(Echo {
            events: request.into_inner(),
            tape: Arc::clone(&self.0),
            at: 0,
        }))
    }

    async fn list_prompts(
        &self,
        _: Request<pb::ListPromptsRequest>,
    ) -> Result<Response<pb::ListPromptsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn fetch_prompt(
        &self,
        _: Request<pb::FetchPromptRequest>,
    ) -> Result<Response<Self::FetchPromptStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Serves it as Dana is served: small codec buffers, her windows, a current-thread runtime; with tonic's
/// encoder, or with hers.
pub(crate) async fn tuned(listener: TcpListener, tape: Tape, framed: bool) {
    let mut server = Server::builder()
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024)
        .max_concurrent_streams(500);
    let server = if framed {
        server.add_service(Served::new(Floor(tape), 64 * 1024, 256 * 1024))
    } else {
        server.add_service(CallGatewayServer::new(Floor(tape)))
    };
    let incoming = TcpListenerStream::new(listener);
    let incoming = tokio_stream::StreamExt::map(incoming, |stream| {
        let _ = stream.as_ref().map(|stream| stream.set_nodelay(true));
        stream
    });
    server
        .serve_with_incoming(incoming)
        .await
        .expect("it serves");
}

/// As tonic comes: its own codec buffers and windows.
#[derive(Clone)]
pub(crate) struct Untuned(Tape);

impl NamedService for Untuned {
    const NAME: &'static str = "dana.gateway.v1.CallGateway";
}

impl Service<http::Request<tonic::body::Body>> for Untuned {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let method = Converse(Arc::clone(&self.0));
        Box::pin(async move {
            let codec = ProstCodec::<pb::CallTurn, pb::CallEvent>::default();
            Ok(Grpc::new(codec).streaming(method, request).await)
        })
    }
}

struct Converse(Tape);

impl StreamingService<pb::CallEvent> for Converse {
    type Response = pb::CallTurn;
    type ResponseStream = Echo;
    type Future = BoxFuture<Response<Echo>, Status>;

    fn call(&mut self, request: Request<Streaming<pb::CallEvent>>) -> Self::Future {
        let echo = Echo {
            events: request.into_inner(),
            tape: Arc::clone(&self.0),
            at: 0,
        };
        Box::pin(async move { Ok(Response::new(echo)) })
    }
}

/// Serves it as tonic comes.
pub(crate) async fn untuned(listener: TcpListener, tape: Tape) {
    let server = Server::builder().add_service(Untuned(tape));
    let incoming = TcpListenerStream::new(listener);
    server
        .serve_with_incoming(incoming)
        .await
        .expect("it serves");
}
