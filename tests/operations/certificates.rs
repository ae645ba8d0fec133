//! Every command that calls a service which runs elsewhere, against one that asks for certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dana::network::mock::Mock;
use tokio::net::TcpListener;

use super::*;
use crate::gateway::authority::Authority;

/// Writes a file that only we can read; where it is.
fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("it is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    path.display().to_string()
}

/// What calls a service at a URL, which comes behind it.
const DEMO: &[&str] = &["demo", "--only", "open ticket", "--against"];
const LOAD: &[&str] = &["load", "--calls", "4", "--think", "0", "--connections", "1"];
const TEST: &[&str] = &["test", "--bundle", HOME, "--against"];
const REPLAY: &[&str] = &["replay", "--bundle", HOME, "calls.dana", "--against"];
const HOME: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_shows_a_certificate_calls_a_service_that_asks_for_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(100));
    tokio::spawn(mock.serve(listener, std::future::pending()));

    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let (service, own) = (ours.service(), ours.gateway("almaty-1"));
    let authorities = write(folder, "authorities.pem", &ours.pem());
    let settings = [
        (
            "gateway.certificate",
            write(folder, "service.pem", &service.certificate),
        ),
        ("gateway.key", write(folder, "service.key", &service.key)),
        ("gateway.clients", authorities.clone()),
        ("network.root", root),
    ];
    let settings = settings
        .each_ref()
        .map(|(key, value)| (*key, value.as_str()));
    let service = Service::start(folder, &settings);
    let gateways = service.gateways();
    let (_, port) = gateways.rsplit_once(':').expect("a port");
    let url = format!("https://localhost:{port}");

    let stranger = write(folder, "other.pem", &other.pem());
    let certificate = write(folder, "own.pem", &own.certificate);
    let key = write(folder, "own.key", &own.key);
    let shown = |authorities| {
        let own = [
            "--authorities",
            authorities,
            "--certificate",
            certificate.as_str(),
            "--key",
            key.as_str(),
        ];
        own.to_vec()
    };
    let call = |command: &[&str], shown: &[&str]| {
        let (code, out, talk) = dana(&[command, &[&url], shown].concat());
        (code, format!("{out}{talk}"))
    };

    for command in [DEMO, LOAD] {
        let (code, text) = call(command, &shown(&authorities));
        assert_eq!(code, Some(0), "{command:?}: {text}");
        let (code, text) = call(command, &shown(&stranger));
        assert_eq!(code, Some(3), "{command:?}: {text}");
    }
    let wanted = "error: a service at https:// asks for a certificate: name ours, its key and its \
        authorities\n";
    for command in [DEMO, LOAD, TEST, REPLAY] {
        assert_eq!(
            call(command, &[]),
            (Some(2), wanted.to_owned()),
            "{command:?}"
        );
    }
    let (code, _, text) = dana(&[&["demo"], shown(&authorities).as_slice()].concat());
    let wanted = "error: certificates are shown at https:// only\n".to_owned();
    assert_eq!((code, text), (Some(2), wanted));
}
