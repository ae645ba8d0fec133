//! Mutual TLS towards gateways: what a certificate has to be, and whose it is. Reads no file.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;

use crate::time::WallTime;

/// The name of a gateway stands in its certificate as a URI of this form, never as a CN.
const IDENTITY: &str = "ivr://gateway/";
/// HTTP/2, which is what gRPC speaks.
const ALPN: &[u8] = b"h2";

/// PEM texts.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// Our certificate and those between it and its root.
    pub certificate: Vec<u8>,
    /// Our private key.
    pub key: Vec<u8>,
    /// The authorities that certify gateways.
    pub clients: Vec<u8>,
    /// Their lists of revoked certificates; with one, each authority needs one.
    pub revoked: Option<Vec<u8>>,
}

/// Why certificates cannot be used. Shows nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text that holds no such thing.
    #[error("{0}")]
    Unreadable(&'static str),
    /// A certificate and a key that do not fit, or are of no known kind.
    #[error("certificate and key do not go together: {0}")]
    Pair(rustls::Error),
    /// Authorities or lists that cannot be used.
    #[error("the gateways' authorities or their revocation lists cannot be used: {0}")]
    Clients(String),
}

/// What new connections are taken with; can be replaced while the service runs.
#[derive(Debug)]
pub struct Tls(Mutex<Arc<ServerConfig>>);

impl Tls {
    /// From PEM texts, all of which have to be good.
    pub fn new(pem: &Pem) -> Result<Self, TlsError> {
        Ok(Self(Mutex::new(config(pem)?)))
    }

    /// Takes new texts, if all of them are good; connections that are open stay.
    pub fn replace(&self, pem: &Pem) -> Result<(), TlsError> {
        let config = config(pem)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn config(pem: &Pem) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let none = TlsError::Unreadable("no authority of gateways in its file");
    for authority in certificates(&pem.clients).ok_or(none)? {
        let added = roots.add(authority);
        added.map_err(|error| TlsError::Clients(error.to_string()))?;
    }
    let mut clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    if let Some(revoked) = &pem.revoked {
        let lists = CertificateRevocationListDer::pem_slice_iter(revoked).collect();
        let lists: Result<Vec<_>, _> = lists;
        let none = TlsError::Unreadable("no revocation list in its file");
        let lists = lists.ok().filter(|lists| !lists.is_empty()).ok_or(none)?;
        clients = clients.with_crls(lists).only_check_end_entity_revocation();
    }
    let clients = clients.build();
    let clients = clients.map_err(|error| TlsError::Clients(error.to_string()))?;
    let none = TlsError::Unreadable("no certificate in its file");
    let chain = certificates(&pem.certificate).ok_or(none)?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key);
    let key = key.map_err(|_| TlsError::Unreadable("no private key in its file"))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// When the first of our certificate and those between it and its root ends.
pub fn ends(pem: &Pem) -> Option<WallTime> {
    let chain = certificates(&pem.certificate)?;
    chain.iter().filter_map(end).min()
}

fn end(certificate: &CertificateDer<'_>) -> Option<WallTime> {
    // The library tells when a certificate ends only when it refuses it because it has ended.
    let year_9999 = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_799));
    let usage = webpki::KeyUsage::server_auth();
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let verified = certificate.verify_for_usage(&[], &[], &[], year_9999, usage, None, None);
    let Some(webpki::Error::CertExpired { not_after, .. }) = verified.err() else {
        return None;
    };
    let ms = i64::try_from(not_after.as_secs()).ok()?.checked_mul(1000)?;
    Some(WallTime::from_unix_ms(ms))
}

/// The certificates of a PEM text; `None` if it has none or one that cannot be read.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|read| !read.is_empty())
}

/// The gateway that a verified certificate names; `None` unless it names exactly one.
pub(super) fn identity(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut names = certificate
        .valid_uri_names()
        .filter_map(|uri| uri.strip_prefix(IDENTITY));
    let name = names.next().filter(|name| is_name(name))?;
    names.next().is_none().then(|| name.into())
}

/// It becomes part of call keys, which are divided by colons, and of file names.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
