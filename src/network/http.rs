//! HTTP to the back ends: one shared client, a deadline for everything, one retry for reads, a
//! limit for bodies. Knows nothing of what the bodies mean.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

/// Largest answer. A customer with nine lines has 20 KiB.
const MAX_BODY: usize = 256 * 1024;
/// A back end's machine that does not even answer the connection is down.
const CONNECT: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was sent.
    NotSent,
    /// Not now: 429, or 503 with a time to come again. Nothing was done.
    Later(Option<Duration>),
    /// It may have been taken: no answer, a broken one, 5xx.
    Unclear(&'static str),
    /// The back end said no: status and body.
    Refused(StatusCode, Vec<u8>),
}

/// The shared client.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
}

impl Http {
    /// Fails only if TLS cannot be set up on this machine.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // A second installation is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .build()?;
        Ok(Self { client })
    }

    /// Reads a list or an object: two tries within `budget`, the first within half of it.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        url: &str,
        query: &[(&str, &str)],
        budget: Duration,
    ) -> Result<T, Failure> {
        let begin = Instant::now();
        let request = || self.client.get(url).query(query);
        match self.send(request(), begin + budget / 2).await {
            Err(Failure::NotSent | Failure::Unclear(_)) => {
                self.send(request(), begin + budget).await
            }
            answer => answer,
        }
    }

    /// Sends a body, once.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        until: Instant,
    ) -> Result<T, Failure> {
        let mut request = self.client.request(Method::POST, url).body(body);
        request = request.header(CONTENT_TYPE, "application/json;charset=utf-8");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, until).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        until: Instant,
    ) -> Result<T, Failure> {
        let answer = timeout_at(until, receive(request)).await;
        let Answer {
            status,
            retry_in,
            body,
        } = answer.map_err(|_| Failure::Unclear("no answer in time"))??;
        let busy = status == StatusCode::SERVICE_UNAVAILABLE && retry_in.is_some();
        if status == StatusCode::TOO_MANY_REQUESTS || busy {
            return Err(Failure::Later(retry_in));
        }
        if status.is_client_error() {
            return Err(Failure::Refused(status, body));
        }
        if !status.is_success() {
            return Err(Failure::Unclear("an answer that is no success"));
        }
        serde_json::from_slice(&body).map_err(|_| Failure::Unclear("a body of another form"))
    }
}

/// An answer, whole.
struct Answer {
    status: StatusCode,
    /// `Retry-After` in seconds; a date is not read.
    retry_in: Option<Duration>,
    body: Vec<u8>,
}

async fn receive(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| {
        if error.is_connect() {
            Failure::NotSent
        } else {
            Failure::Unclear("the connection broke")
        }
    })?;
    let status = response.status();
    let seconds = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let retry_in = seconds
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Failure::Unclear("a body without end")),
            Ok(None) => {
                return Ok(Answer {
                    status,
                    retry_in,
                    body,
                });
            }
            Err(_) => return Err(Failure::Unclear("the connection broke")),
        }
    }
}
