//! Back ends whose certificate is not good: nothing is said to them, and nothing is claimed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::ExtendedKeyUsagePurpose;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::gateway::authority::{Authority, Certified, Says};

/// What stands at the port of the back ends.
enum Server {
    /// One with this certificate.
    Tls(Certified),
    /// One that speaks HTTP without TLS.
    Plain,
    /// One of before TLS 1.2: to our greeting it has an alert, `protocol_version`.
    Old,
}

const ALERT: [u8; 7] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

fn acceptor(certified: &Certified) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certified.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.expect("PEM")], key);
    TlsAcceptor::from(Arc::new(config.expect("a pair")))
}

/// Finds nobody, to whoever asks it; how many bytes of questions it was told.
async fn start(server: Server) -> (SocketAddr, Arc<AtomicUsize>) {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    let acceptor = match &server {
        Server::Tls(certified) => Some(acceptor(certified)),
        Server::Plain | Server::Old => None,
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = vec![0; 64 * 1024];
            // Whoever does not like us hangs up.
            if let Some(acceptor) = &acceptor {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let count = stream.read(&mut read).await.unwrap_or(0);
                    counted.fetch_add(count, Ordering::SeqCst);
                    let _ = stream.write_all(ANSWER).await;
                    let _ = stream.shutdown().await;
                }
                continue;
            }
            let _ = stream.read(&mut read).await;
            let plain = matches!(server, Server::Plain);
            let _ = stream.write_all(if plain { ANSWER } else { &ALERT }).await;
        }
    });
    (at, told)
}

#[tokio::test]
async fn b16_what_has_no_good_certificate_is_told_nothing_and_believed_nothing() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let says = |years, usage| {
        let says = Says {
            uris: &[],
            usage,
            years,
            ..Says::default()
        };
        Server::Tls(ours.certify(&says))
    };
    let server = || ExtendedKeyUsagePurpose::ServerAuth;
    let cases = [
        ("good", Server::Tls(ours.service()), "localhost", true),
        (
            "of another host",
            Server::Tls(ours.service()),
            "127.0.0.1",
            false,
        ),
        (
            "of another authority",
            Server::Tls(other.service()),
            "localhost",
            false,
        ),
        ("expired", says((2020, 2021), server()), "localhost", false),
        (
            "not valid yet",
            says((3999, 4000), server()),
            "localhost",
            false,
        ),
        (
            "a client's",
            says((2020, 4000), ExtendedKeyUsagePurpose::ClientAuth),
            "localhost",
            false,
        ),
        ("none", Server::Plain, "localhost", false),
        ("of TLS 1.1 at most", Server::Old, "localhost", false),
    ];
    for (name, server, host, good) in cases {
        let (at, told) = start(server).await;
        let client = TmForum::new(Settings {
            authorities: Some(ours.pem().into()),
            ..hurried(&format!("https://{host}:{}", at.port()))
        });
        let client = client.expect("a client");
        assert!(client.replace_token("s3cret"));
        let found = subscriber(&client, number(101)).await;
        if good {
            assert_eq!(found, SubscriberFinding::Unknown, "{name}");
            assert!(told.load(Ordering::SeqCst) > 0, "{name}");
            continue;
        }
        assert_eq!(found, SubscriberFinding::Unavailable, "{name}");
        let ticket = create(client, order(101)).await;
        assert_eq!(ticket, TicketResult::Unconfirmed, "{name}");
        assert_eq!(told.load(Ordering::SeqCst), 0, "{name}");
    }
}
