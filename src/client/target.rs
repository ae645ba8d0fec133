//! Where a service is, and how it is spoken to: over TCP, with certificates at `https://`, or by a
//! pipe in this process. Every command that calls a service connects here. Reads no file.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::gateway::tls::certificates;

/// How long a service may take to accept a connection, with its handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes on the way in a pipe: some hundred turns.
const PIPE: usize = 64 * 1024;
/// HTTP/2, which is what gRPC speaks.
const ALPN: &[u8] = b"h2";

/// Where a service is.
#[derive(Clone, Debug)]
pub enum Target {
    /// At an address.
    At(Address),
    /// In this process, without a port: on virtual time nothing is left to the machine.
    Pipe(Pipe),
}

/// `host:port`, and the certificates to show there.
#[derive(Clone)]
pub struct Address {
    authority: Arc<str>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// What a gateway shows a service, and what it believes of it: PEM texts.
#[derive(Clone)]
pub struct Certificates {
    /// The authorities that certify the service.
    pub authorities: Vec<u8>,
    /// Our certificate and those between it and its root.
    pub certificate: Vec<u8>,
    /// Our private key.
    pub key: Vec<u8>,
}

/// Why a service cannot be called there. Shows nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It names no service.
    #[error("`{0}` is no service\n\nhint: http://host:port, or https:// with certificates")]
    Url(String),
    /// Certificates are asked for there, and there are none.
    #[error("a service at https:// asks for a certificate: name ours, its key and its authorities")]
    Missing,
    /// Nobody would see the certificates.
    #[error("certificates are shown at https:// only")]
    Unused,
    /// A text that holds no such thing.
    #[error("{0}")]
    Unreadable(&'static str),
    /// A certificate or an authority that is of no use.
    #[error("the certificates cannot be used: {0}")]
    Tls(#[from] rustls::Error),
}

/// Connections to a service of this process; dropped, it is not to be reached any more.
pub type Pipe = mpsc::Sender<io::Result<DuplexStream>>;

/// A pipe, and the connections for [`Gateway::serve_on`](crate::gateway::Gateway::serve_on).
pub fn pipe() -> (Pipe, ReceiverStream<io::Result<DuplexStream>>) {
    let (pipe, connections) = mpsc::channel(1);
    (pipe, ReceiverStream::new(connections))
}

/// An open connection, whatever it is made of.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Target {
    /// The service at `http://host:port`; with certificates at `https://host:port`.
    pub fn at(url: &str, certificates: Option<&Certificates>) -> Result<Self, TargetError> {
        let no_service = || TargetError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| no_service())?;
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
            return Err(no_service());
        };
        if uri.path().len() > 1 || uri.query().is_some() {
            return Err(no_service());
        }
        let tls = match (uri.scheme_str(), certificates) {
            (Some("http"), None) => None,
            (Some("https"), Some(certificates)) => {
                let name = host.trim_start_matches('[').trim_end_matches(']');
                let name = ServerName::try_from(name.to_owned()).map_err(|_| no_service())?;
                Some((config(certificates)?, name))
            }
            (Some("https"), None) => return Err(TargetError::Missing),
            (Some("http"), Some(_)) => return Err(TargetError::Unused),
            _ => return Err(no_service()),
        };
        Ok(Self::At(Address {
            authority: format!("{host}:{port}").into(),
            tls,
        }))
    }

    /// `host:port`, as HTTP/2 names whom it speaks to.
    pub fn authority(&self) -> &str {
        match self {
            Self::At(address) => &address.authority,
            Self::Pipe(_) => "pipe",
        }
    }

    /// Connects: ready for HTTP/2.
    pub async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        match self {
            Self::At(address) => {
                let connected = tokio::time::timeout(CONNECT, address.connect());
                connected.await.map_err(|_| io::ErrorKind::TimedOut)?
            }
            Self::Pipe(pipe) => {
                let (ours, theirs) = tokio::io::duplex(PIPE);
                let gone = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
                pipe.send(Ok(theirs)).await.map_err(gone)?;
                Ok(Box::new(ours))
            }
        }
    }

    /// A connection for gRPC; `None` when nobody answers.
    pub(super) async fn channel(&self) -> Option<Channel> {
        let target = self.clone();
        let dial = service_fn(move |_: Uri| {
            let target = target.clone();
            async move { target.connect().await.map(TokioIo::new) }
        });
        // The connection is secured here, if it is: tonic is not to look for certificates.
        let endpoint = Endpoint::from_shared(format!("http://{}", self.authority())).ok()?;
        endpoint.connect_with_connector(dial).await.ok()
    }
}

impl Address {
    async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        let tcp = TcpStream::connect(&*self.authority).await?;
        // An event is small and waited for.
        let _ = tcp.set_nodelay(true);
        let Some((config, name)) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Box::new(connector.connect(name.clone(), tcp).await?))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => {
                let scheme = address.tls.as_ref().map_or("http", |_| "https");
                write!(f, "{scheme}://{}", address.authority)
            }
            Self::Pipe(_) => f.write_str("the service of this process"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

fn config(pem: &Certificates) -> Result<Arc<ClientConfig>, TargetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let none = TargetError::Unreadable("no authority of the service in its file");
    for authority in certificates(&pem.authorities).ok_or(none)? {
        roots.add(authority)?;
    }
    let none = TargetError::Unreadable("no certificate in its file");
    let chain = certificates(&pem.certificate).ok_or(none)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key);
    let key = key.map_err(|_| TargetError::Unreadable("no private key in its file"))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}
