//! HTTP to the back ends: one shared client, a deadline for everything, one retry for reads, a
//! limit for bodies. Knows nothing of what the bodies mean.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
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
        let (status, body) = answer.map_err(|_| Failure::Unclear("no answer in time"))??;
        if status.is_client_error() {
            return Err(Failure::Refused(status, body));
        }
        if !status.is_success() {
            return Err(Failure::Unclear("an answer that is no success"));
        }
        serde_json::from_slice(&body).map_err(|_| Failure::Unclear("a body of another form"))
    }
}

async fn receive(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Failure> {
    let mut response = request.send().await.map_err(|error| {
        if error.is_connect() {
            Failure::NotSent
        } else {
            Failure::Unclear("the connection broke")
        }
    })?;
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Failure::Unclear("a body without end")),
            Ok(None) => return Ok((response.status(), body)),
            Err(_) => return Err(Failure::Unclear("the connection broke")),
        }
    }
}
