//! HTTP to the back ends: one shared client, a deadline for everything, one retry for reads, a
//! limit for bodies, a guard for each back end. Knows nothing of what the bodies mean.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::network::Settings;
use crate::network::guard::{Barred, Guard};
use crate::network::wire::path;

/// Largest answer. A customer with nine lines has 20 KiB.
const MAX_BODY: usize = 256 * 1024;
/// A back end's machine that does not even answer the connection is down.
const CONNECT: Duration = Duration::from_secs(1);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] reqwest::Error),
    /// A text that should hold certificates holds none.
    #[error("there is no certificate among the authorities of the back ends")]
    NoAuthority,
}

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

/// The back ends, each with a path of its own.
const BACK_ENDS: [&str; 6] = [
    path::CUSTOMER,
    path::PRODUCT,
    path::ACCOUNT,
    path::PROBLEM,
    path::TEST,
    path::TICKET,
];

/// The shared client.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    root: String,
    guards: Arc<[Guard]>,
    token: Arc<Mutex<Option<HeaderValue>>>,
}

impl Http {
    /// Fails if TLS cannot be set up on this machine, or the authorities are none.
    pub(super) fn new(settings: &Settings) -> Result<Self, SetUpError> {
        // A second installation is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT);
        if let Some(authorities) = &settings.authorities {
            let authorities = Certificate::from_pem_bundle(authorities)?;
            if authorities.is_empty() {
                return Err(SetUpError::NoAuthority);
            }
            client = client.tls_certs_only(authorities);
        }
        let guard = |path| Guard::new(path, settings.at_once, settings.metrics.clone());
        Ok(Self {
            client: client.build()?,
            root: settings.root.trim_end_matches('/').to_owned(),
            guards: BACK_ENDS.map(guard).into(),
            token: Arc::default(),
        })
    }

    /// Shows this bearer token from now on; `false` if it can be none.
    pub(super) fn replace_token(&self, token: &str) -> bool {
        let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            return false;
        };
        value.set_sensitive(true);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        true
    }

    /// Reads a list or an object: two tries within `budget`, the first within half of it.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        budget: Duration,
    ) -> Result<T, Failure> {
        let begin = Instant::now();
        let request = || self.request(Method::GET, path).query(query);
        match self.send(path, request(), begin + budget / 2).await {
            Err(Failure::NotSent | Failure::Unclear(_)) if self.may_repeat(path) => {
                self.send(path, request(), begin + budget).await
            }
            answer => answer,
        }
    }

    /// Sends a body, once.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        until: Instant,
    ) -> Result<T, Failure> {
        let mut request = self.request(Method::POST, path).body(body);
        request = request.header(CONTENT_TYPE, "application/json;charset=utf-8");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(path, request, until).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.root));
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        match token.as_ref() {
            Some(token) => request.header(AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    fn guard(&self, path: &str) -> Option<&Guard> {
        let mut guards = self.guards.iter();
        guards.find(|guard| path.starts_with(guard.path))
    }

    fn may_repeat(&self, path: &str) -> bool {
        self.guard(path).is_none_or(Guard::may_repeat)
    }

    /// Sends, if the back end's guard lets it, and tells the guard how it went.
    async fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        request: RequestBuilder,
        until: Instant,
    ) -> Result<T, Failure> {
        let Some(guard) = self.guard(path) else {
            return Self::answer(request, until).await;
        };
        let pass = guard.enter(until).await.map_err(|barred| match barred {
            Barred::Open | Barred::Full => Failure::NotSent,
        })?;
        let answer = Self::answer(request, until).await;
        pass.ended(match &answer {
            Ok(_) => true,
            Err(Failure::Refused(status, _)) => !matches!(status.as_u16(), 401 | 403 | 408 | 429),
            Err(Failure::NotSent | Failure::Later(_) | Failure::Unclear(_)) => false,
        });
        answer
    }

    async fn answer<T: DeserializeOwned>(
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
