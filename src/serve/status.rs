//! What the service says of itself over HTTP: `/metrics`, `/healthz`, `/readyz`. Changes nothing,
//! and knows nothing of a caller.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::journal::recorder::Recorder;
use crate::lookup::Network;
use crate::metrics;
use crate::metrics::Metrics;

/// What is asked when somebody asks.
pub(super) struct Status<N> {
    pub(super) gateway: Gateway<N>,
    pub(super) metrics: Metrics,
    pub(super) recorder: Recorder,
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
        self.metrics.bundle(&self.gateway.bundle_hash());
        let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
        (headers, self.metrics.text()).into_response()
    }

    /// Whether a new call would be taken here.
    fn ready(&self) -> (StatusCode, &'static str) {
        if self.gateway.is_draining() {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else {
            (StatusCode::OK, "ready\n")
        }
    }
}
