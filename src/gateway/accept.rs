//! The door: a bounded number of connections, each with a gateway's certificate, and patience where
//! the machine has no more file descriptors, instead of spinning on the error.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::gateway::tls::{self, Tls};
use crate::metrics::Metrics;

/// How long to wait when a connection could not be accepted.
const BREATHER: Duration = Duration::from_millis(100);
/// Connections that were accepted and not yet taken.
const BACKLOG: usize = 64;
/// A handshake takes two round trips; who needs longer wants our memory.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes at once: signing is what costs, some 256 of them are a second of one core.
const HANDSHAKES: usize = 256;
/// Connections of one gateway: 500 calls each are more than any has.
const CONNECTIONS_EACH: usize = 64;

/// What all workers of a service share.
#[derive(Debug)]
pub(super) struct Door {
    /// Without it, whoever dials in is the gateway of that name.
    tls: Option<Arc<Tls>>,
    plain: Arc<str>,
    places: Arc<Semaphore>,
    handshakes: Semaphore,
    each: Mutex<BTreeMap<Arc<str>, usize>>,
    metrics: Metrics,
}

/// Who dialled in.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) gateway: Arc<str>,
}

/// A connection with its place among the allowed ones.
pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    _place: OwnedSemaphorePermit,
    _seat: Seat,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A place among the connections of one gateway.
struct Seat {
    door: Arc<Door>,
    gateway: Arc<str>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut each = self
            .door
            .each
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = each.get_mut(&self.gateway) {
            *count -= 1;
            if *count == 0 {
                each.remove(&self.gateway);
            }
        }
    }
}

impl Door {
    pub(super) fn new(
        tls: Option<Arc<Tls>>,
        plain: &str,
        connections: usize,
        metrics: Metrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            tls,
            plain: plain.into(),
            places: Arc::new(Semaphore::new(connections)),
            handshakes: Semaphore::new(HANDSHAKES),
            each: Mutex::default(),
            metrics,
        })
    }

    /// Who dials in without a certificate, where none is asked for.
    pub(super) fn plain(&self) -> Option<Arc<str>> {
        self.tls.is_none().then(|| Arc::clone(&self.plain))
    }

    /// Accepts until the receiver is dropped.
    pub(super) fn connections(
        self: Arc<Self>,
        listener: TcpListener,
    ) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = self.accept(listener, &sender) => {}
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn accept(
        self: &Arc<Self>,
        listener: TcpListener,
        sender: &mpsc::Sender<io::Result<Connection>>,
    ) {
        loop {
            let (stream, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                    continue;
                }
            };
            // Turns are small and each is waited for.
            let _ = stream.set_nodelay(true);
            // One too many waits here. The semaphore is never closed.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            let (door, sender) = (Arc::clone(self), sender.clone());
            tokio::spawn(async move {
                match timeout(HANDSHAKE, door.welcome(stream, place)).await {
                    // A service that goes down takes nobody any more.
                    Ok(Ok(connection)) => drop(sender.send(Ok(connection)).await),
                    Ok(Err(refused)) => door.refused(from, &refused),
                    Err(_) => door.refused(from, &Unwelcome::TooSlow),
                }
            });
        }
    }

    /// The connection, if it is one of a gateway.
    async fn welcome(
        self: &Arc<Self>,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
    ) -> Result<Connection, Unwelcome> {
        let (stream, gateway) = match &self.tls {
            None => (Stream::Plain(stream), Arc::clone(&self.plain)),
            Some(tls) => {
                let permit = self.handshakes.acquire().await;
                let acceptor = TlsAcceptor::from(tls.current());
                let shaken = acceptor.accept(stream).await.map_err(Unwelcome::Tls)?;
                drop(permit);
                let certificates = shaken.get_ref().1.peer_certificates();
                let gateway = certificates
                    .and_then(<[_]>::first)
                    .and_then(tls::identity)
                    .ok_or(Unwelcome::NoName)?;
                (Stream::Tls(Box::new(shaken)), gateway)
            }
        };
        let seat = self.seat(&gateway).ok_or(Unwelcome::TooMany)?;
        Ok(Connection {
            stream,
            peer: Peer { gateway },
            _place: place,
            _seat: seat,
        })
    }

    fn seat(self: &Arc<Self>, gateway: &Arc<str>) -> Option<Seat> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = each.entry(Arc::clone(gateway)).or_default();
        // Without certificates all gateways have one name.
        if self.tls.is_some() && *count >= CONNECTIONS_EACH {
            return None;
        }
        *count += 1;
        Some(Seat {
            door: Arc::clone(self),
            gateway: Arc::clone(gateway),
        })
    }

    fn refused(&self, from: SocketAddr, why: &Unwelcome) {
        self.metrics.handshake_refused(why.reason());
        tracing::warn!(%from, %why, "a connection was refused");
    }
}

/// Why a connection is not taken.
#[derive(Debug, thiserror::Error)]
enum Unwelcome {
    #[error("{0}")]
    Tls(io::Error),
    #[error("its certificate names no gateway as a URI ivr://gateway/<name>")]
    NoName,
    #[error("its gateway has {CONNECTIONS_EACH} connections")]
    TooMany,
    #[error("its handshake took more than {} s", HANDSHAKE.as_secs())]
    TooSlow,
}

impl Unwelcome {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Tls(_) => "certificate",
            Self::NoName => "name",
            Self::TooMany => "too_many",
            Self::TooSlow => "too_slow",
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// Passes a call on to whichever stream it is.
macro_rules! either {
    ($this:ident, $stream:ident => $call:expr) => {
        match &mut $this.stream {
            Stream::Plain($stream) => $call,
            Stream::Tls($stream) => $call,
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
