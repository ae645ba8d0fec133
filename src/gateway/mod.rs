//! The gRPC service `dana.gateway.v1.CallGateway`: one stream is one call. Decides nothing about a
//! call; takes it, refuses it, hands its messages to its session.

mod accept;
pub mod codec;
pub mod converse;
mod lag;
pub mod prompts;
mod refusal;
mod registry;
pub mod tls;
pub mod turns;
pub mod wire;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use crate::bundle::Bundle;
use crate::gateway::accept::{Door, Peer};
use crate::gateway::converse::Converse;
use crate::gateway::lag::Lag;
use crate::gateway::prompts::Chunks;
use crate::gateway::registry::Registry;
use crate::gateway::tls::Tls;
use crate::gateway::turns::Served;
use crate::gateway::wire::pb;
use crate::gateway::wire::pb::call_gateway_server::{CallGateway, CallGatewayServer};
use crate::lookup::Network;
use crate::metrics::Metrics;
use crate::session::Shared;
use crate::shelf::Shelf;
use crate::token::TokenKeys;

/// One message of a gateway: an event with sixteen long alternatives is a third of this.
const MAX_MESSAGE: usize = 64 * 1024;
/// One message of ours: a page of five hundred prompts is half of this.
const MAX_ANSWER: usize = 256 * 1024;
/// 64 KiB: a call whose events nobody takes is stopped by its own window, long before the unread
/// small frames of one call would end all calls of the connection.
const STREAM_WINDOW: u32 = 64 * 1024;
/// 16 MiB: half of it is the budget for unread small frames of a whole connection.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Calls on one connection.
const MAX_STREAMS: u32 = 500;
/// Header fields of a call; real ones have a few hundred bytes.
const MAX_HEADER_LIST: u32 = 8 * 1024;
/// A gateway's machine that is gone is noticed within 8 s.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection is asked to be made anew after this, so that a certificate that was revoked since
/// does not serve for ever; calls on it go on for as long as a call can be.
const CONNECTION_AGE: Duration = Duration::from_hours(1);
const CONNECTION_GRACE: Duration = Duration::from_mins(65);
/// A drain ends after this, whatever hangs.
const DRAIN: Duration = Duration::from_secs(5);

/// Settings of the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificates; without them nobody has to show one, and whoever dials in is `gateway_id`.
    pub tls: Option<Arc<Tls>>,
    /// Who a gateway without a certificate is. Part of tokens and ticket keys.
    pub gateway_id: String,
    /// Calls at a time; more are refused, with a hint when to try again.
    pub max_calls: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// New calls are refused while a worker's loop is later than this; `None` never.
    pub max_lag: Option<Duration>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tls: None,
            gateway_id: "gateway".to_owned(),
            max_calls: 5_000,
            max_connections: 1_024,
            max_lag: None,
            metrics: Metrics::default(),
        }
    }
}

struct Inner<N> {
    settings: Settings,
    shelf: Shelf,
    shared: Arc<Shared<N>>,
    keys: Mutex<Arc<TokenKeys>>,
    registry: Registry,
    door: Arc<Door>,
}

impl<N> Inner<N> {
    /// The keys of today.
    fn keys(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bundle of new calls.
    fn bundle(&self) -> Arc<Bundle> {
        self.shelf.newest()
    }
}

/// The service. Cheap to clone; clones serve the same calls.
pub struct Gateway<N> {
    inner: Arc<Inner<N>>,
    /// Of the worker that serves with it.
    lag: Arc<Lag>,
}

impl<N> Clone for Gateway<N> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            lag: Arc::clone(&self.lag),
        }
    }
}

impl<N: Network> Gateway<N> {
    /// A service that takes calls on the newest bundle of that shelf.
    pub fn new(
        settings: Settings,
        shelf: impl Into<Shelf>,
        shared: Shared<N>,
        keys: TokenKeys,
    ) -> Self {
        let registry = Registry::default();
        let shared = Arc::new(shared);
        let door = Door::new(
            settings.tls.clone(),
            &settings.gateway_id,
            settings.max_connections,
            settings.metrics.clone(),
        );
        Self {
            inner: Arc::new(Inner {
                settings,
                shelf: shelf.into(),
                shared,
                keys: Mutex::new(Arc::new(keys)),
                registry,
                door,
            }),
            lag: Arc::default(),
        }
    }

    /// How many calls of each gateway are live.
    pub fn live_calls(&self) -> Vec<(String, usize)> {
        self.inner.registry.live()
    }

    /// Whether it is going down and takes no calls any more.
    pub fn is_draining(&self) -> bool {
        self.inner.registry.is_draining()
    }

    /// Seals and opens tokens with other keys from now on.
    pub fn replace_keys(&self, keys: TokenKeys) {
        let mut current = self
            .inner
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(keys);
    }

    /// The hash of the bundle that new calls are taken on.
    pub fn bundle_hash(&self) -> String {
        self.inner.bundle().hash.to_string()
    }

    /// Serves what dials in at a port; see [`serve_on`](Self::serve_on).
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), tonic::transport::Error> {
        let connections = Arc::clone(&self.inner.door).connections(listener);
        self.serve_on(connections, shutdown).await
    }

    /// Serves connections until `shutdown`; then drains: health off, offers refused, every stream
    /// ended with UNAVAILABLE so that its gateway resumes elsewhere, and back within five seconds
    /// even if a connection hangs.
    pub async fn serve_on<C>(
        mut self,
        connections: impl Stream<Item = io::Result<C>> + Send + 'static,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), tonic::transport::Error>
    where
        C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_serving::<CallGatewayServer<Self>>().await;
        let inner = Arc::clone(&self.inner);
        // Each worker serves with a clone and has a loop of its own.
        self.lag = Arc::default();
        let settings = &inner.settings;
        let watch = Arc::clone(&self.lag).watch(settings.max_lag, settings.metrics.clone());
        let service = Served::new(self, MAX_MESSAGE, MAX_ANSWER);
        let (drained, drain) = tokio::sync::oneshot::channel::<()>();
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_TIMEOUT))
            .max_connection_age(CONNECTION_AGE)
            .max_connection_age_grace(CONNECTION_GRACE)
            .add_service(health)
            .add_service(service)
            .serve_with_incoming_shutdown(connections, async {
                let _ = drain.await;
            });
        let mut server = std::pin::pin!(server);
        tokio::select! {
            ended = &mut server => return ended,
            () = watch => {}
            () = shutdown => {}
        }
        reporter.set_not_serving::<CallGatewayServer<Self>>().await;
        reporter
            .set_service_status("", tonic_health::ServingStatus::NotServing)
            .await;
        inner.registry.drain();
        let _ = drained.send(());
        tokio::time::timeout(DRAIN, server).await.unwrap_or(Ok(()))
    }
}

#[tonic::async_trait]
impl<N: Network> CallGateway for Gateway<N> {
    type ConverseStream = Converse<N>;
    type FetchPromptStream = Chunks;

    async fn converse(
        &self,
        request: Request<Streaming<pb::CallEvent>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        // Every connection of a port has a peer; a pipe of this process comes as a plain one.
        let peer = request.extensions().get::<Peer>();
        let gateway = peer.map(|peer| Arc::clone(&peer.gateway));
        let gateway = gateway.or_else(|| self.inner.door.plain());
        let gateway = gateway.ok_or_else(|| Status::internal("no peer"))?;
        Ok(Response::new(Converse::new(
            Arc::clone(&self.inner),
            gateway,
            Arc::clone(&self.lag),
            request.into_inner(),
        )))
    }

    async fn list_prompts(
        &self,
        request: Request<pb::ListPromptsRequest>,
    ) -> Result<Response<pb::ListPromptsResponse>, Status> {
        let bundle = self.inner.bundle();
        prompts::list(&bundle, request.get_ref()).map(Response::new)
    }

    async fn fetch_prompt(
        &self,
        request: Request<pb::FetchPromptRequest>,
    ) -> Result<Response<Self::FetchPromptStream>, Status> {
        let bundle = self.inner.bundle();
        let chunks = prompts::fetch(&bundle, request.get_ref()).await?;
        Ok(Response::new(chunks))
    }
}
