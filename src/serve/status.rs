//! What the service says of itself over HTTP: `/metrics`, `/healthz`, `/readyz`. Changes nothing,
//! and knows nothing of a caller.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::gateway::Gateway;
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::metrics;
use crate::metrics::Metrics;
use crate::records::Spool;
use crate::store::Store;

/// Between two questions whether the store takes what it is told.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// The office that is taken for the question, for no time at all.
const OFFICE: &str = "readiness";

/// Whether the store takes what it is told: asked by writing, as a ticket is, from time to time.
#[derive(Clone, Debug)]
pub(super) struct StoreHealth(Arc<AtomicBool>);

impl StoreHealth {
    /// That of a store that was just opened.
    pub(super) fn opened() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks as `holder` until `stop`.
    pub(super) async fn watch(
        self,
        store: &impl Store,
        holder: &str,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let asked = store.hold(OFFICE, holder, Duration::ZERO).await;
            let was_up = self.0.swap(asked.is_ok(), Ordering::Relaxed);
            match asked {
                Err(error) if was_up => {
                    tracing::error!(%error, "the store is away: no ticket can be ordered, records wait");
                }
                Ok(_) if !was_up => tracing::info!("the store is back"),
                Ok(_) | Err(_) => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = sleep(ASK_EVERY) => {}
            }
        }
    }
}

/// What is asked when somebody asks.
pub(super) struct Status<N> {
    pub(super) gateway: Gateway<N>,
    pub(super) metrics: Metrics,
    pub(super) recorder: Recorder,
    pub(super) spool: Arc<Spool>,
    pub(super) store: StoreHealth,
}

type At<N> = State<Arc<Status<N>>>;

impl<N: Network> Status<N> {
    /// Answers until the runtime ends.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let router = Router::new()
            .route(
                "/metrics",
                get(async |State(status): At<N>| status.metrics()),
            )
            .route("/healthz", get(async || "alive\n"))
            .route("/readyz", get(async |State(status): At<N>| status.ready()))
            .with_state(self);
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the status listener ended");
        }
    }

    fn metrics(&self) -> Response {
        self.metrics.calls(self.gateway.live_calls());
        self.metrics.journal_lost(self.recorder.lost());
        self.metrics.store_up(self.store.is_up());
        let (waiting, lost) = self.spool.load();
        self.metrics.records(waiting, lost);
        self.metrics.bundle(&self.gateway.bundle_hash());
        let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
        (headers, self.metrics.text()).into_response()
    }

    /// Whether a new call would be taken here. Without its store a service takes calls all the same:
    /// whoever would get a ticket gets an operator, and everybody else what he called for.
    fn ready(&self) -> (StatusCode, &'static str) {
        if self.gateway.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if !self.store.is_up() {
            (StatusCode::OK, "degraded\n")
        } else {
            (StatusCode::OK, "ready\n")
        }
    }
}
