//! What a service says of itself, and how it takes new files and goes down.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use dana::call::{CallId, Disposition};
use dana::client::{Plan, Target};
use dana::network::mock::Mock;
use dana::seal::Keys;
use dana::store::StoreUrl;
use dana::store::sql::Sql;
use sqlx::{Connection, Executor};

use super::rolling::{call, plan};
use super::*;
use crate::gateway::authority::{Authority, Says};

const PLAIN: (&str, &str) = ("gateway.plaintext", "true");

pub(super) fn get(at: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at)?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn it_tells_health_readiness_and_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[PLAIN]);
    let at = service.status();
    let ready = get(&at, "/readyz").expect("an answer");
    assert!(
        ready.starts_with("HTTP/1.0 200") && ready.ends_with("\r\n\r\nready\n"),
        "{ready}"
    );
    assert!(
        get(&at, "/healthz")
            .expect("an answer")
            .ends_with("alive\n")
    );

    let (code, text, _) = dana(&["status", "--at", &at]);
    assert_eq!(code, Some(0));
    let first = text.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("dana ") && first.ends_with(": ready"),
        "{text}"
    );
    let (_, json, _) = dana(&["status", "--at", &at, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (json["state"].as_str(), json["offers"].as_u64()),
        (Some("ready"), Some(0))
    );
    assert_eq!(json["bundle"].as_str().map(str::len), Some(32));

    let (code, _, said) = dana(&["status", "--at", "127.0.0.1:1"]);
    assert_eq!(code, Some(3));
    assert!(
        said.starts_with("error: no service answers at 127.0.0.1:1: "),
        "{said}"
    );
}

/// A gateway that has begun to ask for a clip and never finishes.
async fn stuck(at: &str) -> h2::SendStream<bytes::Bytes> {
    let tcp = tokio::net::TcpStream::connect(at)
        .await
        .expect("it listens");
    let (client, mut connection) = h2::client::handshake(tcp).await.expect("HTTP/2");
    let mut ping = connection.ping_pong().expect("the first to ask");
    tokio::spawn(connection);
    let target = format!("http://{at}/dana.gateway.v1.CallGateway/FetchPrompt");
    let request = http::Request::post(target).header("content-type", "application/grpc");
    let request = request.body(()).expect("a request");
    let mut client = client.ready().await.expect("a stream");
    let (answer, request) = client.send_request(request, false).expect("a stream");
    tokio::spawn(answer);
    // What is answered after the request says that the request is there.
    ping.ping(h2::Ping::opaque()).await.expect("an answer");
    request
}

/// The first SIGTERM drains, and ends in time though a client hangs (as hyperium/hyper#4170 does);
/// readiness says so at once. The second ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p4_p5_the_first_signal_drains_and_the_second_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for twice in [false, true] {
        let mut service = Service::start(folder.path(), &[PLAIN]);
        let hanging = stuck(&service.gateways()).await;
        let began = tokio::time::Instant::now();
        service.signal("TERM");
        while !get(&service.status(), "/readyz").is_ok_and(|a| a.contains("draining")) {
            assert!(began.elapsed() < PATIENCE, "never draining");
        }
        if twice {
            service.signal("TERM");
        }
        assert_eq!(service.ended(), Some(0), "{}", service.log());
        let at_once = service.log().contains("told to stop again: ending at once");
        assert_eq!(at_once, twice, "{}", service.log());
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
        drop(hanging);
    }
}

/// Key rotation by SIGHUP; a file that is bad keeps the old keys and is told once.
#[test]
fn p5_a_hang_up_reloads_and_what_is_bad_stays_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[PLAIN]);
    let keys = folder.path().join("dana-state/token.keys");
    let old = fs::read_to_string(&keys).expect("made at the start");
    let replace = |text: &str| {
        let draft = keys.with_extension("draft");
        fs::write(&draft, text).expect("it is written");
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600)).expect("ours");
        fs::rename(&draft, &keys).expect("ours");
        service.signal("HUP");
    };
    replace("half a k");
    service.wait_for("cannot be replaced: the old ones stay in use");
    let (_, text, _) = dana(&["status", "--at", &service.status()]);
    assert!(text.contains("reloads      failed: token keys 1"), "{text}");
    replace(&format!("7 {}\n{old}", "ab".repeat(32)));
    service.wait_for("replaced \u{1b}[3mwhat");
    assert!(!service.log().contains(&"ab".repeat(32)));
}

/// B16: a certificate of ours that ends soon, or has ended, is told aloud; when it ends is counted.
#[test]
fn b16_the_end_of_our_certificate_is_told_before_gateways_notice() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("ours");
    let says = Says {
        uris: &[],
        usage: rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        years: (2020, 2021),
        ..Says::default()
    };
    let (old, new) = (authority.certify(&says), authority.service());
    let private = fs::Permissions::from_mode(0o600);
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        let draft = path.with_extension("draft");
        fs::write(&draft, text).expect("it is written");
        fs::set_permissions(&draft, private.clone()).expect("ours");
        fs::rename(&draft, &path).expect("ours");
    };
    put("clients.pem", &authority.pem());
    put("gateway.pem", &old.certificate);
    put("gateway.key", &old.key);
    let settings = [
        ("gateway.certificate", "gateway.pem"),
        ("gateway.key", "gateway.key"),
        ("gateway.clients", "clients.pem"),
    ];
    let service = Service::start(folder.path(), &settings);
    let ends = |year: &str| {
        let metrics = get(&service.status(), "/metrics").expect("an answer");
        let line = format!("dana_certificate_ends_seconds{{what=\"certificates\"}} {year}\n");
        assert!(metrics.contains(&line), "{metrics}");
    };
    service.wait_for("ends within 14 days");
    // 2021-01-01 and 4000-01-01.
    ends("1609459200");
    put("gateway.key", &new.key);
    put("gateway.pem", &new.certificate);
    service.signal("HUP");
    service.wait_for("replaced \u{1b}[3mwhat");
    ends("64060588800");
}

/// What seals recordings and the store rotates under a running service; then the old key may go.
#[tokio::test]
async fn p5_journal_keys_rotate_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = Service::start(folder.path(), &[PLAIN]);
    let keys = folder.path().join("dana-state/journal.keys");
    let old = fs::read_to_string(&keys).expect("made at the start");
    let draft = keys.with_extension("draft");
    crate::cli::key_file(&draft);
    let new = fs::read_to_string(&draft).expect("a key");
    // Without the key in use nobody could open what it sealed.
    fs::copy(&draft, &keys).expect("ours");
    service.signal("HUP");
    service.wait_for("the key that seals now is not among them");
    fs::write(&draft, format!("{new}{old}")).expect("it is written");
    fs::rename(&draft, &keys).expect("ours");
    service.signal("HUP");
    service.wait_for("the store is sealed by a new key");
    service.signal("TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.log());
    let url = StoreUrl::sqlite(&folder.path().join("dana-state/dana.db"));
    let opened = Sql::open(&url, &Keys::new([(1, [7; 32])])).await;
    assert!(opened.is_ok(), "{opened:?}");
}

/// S8: without its store a service takes calls, says what it cannot do, and is whole again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s8_a_service_whose_store_is_away_is_degraded_and_takes_calls() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = Mock::new(Duration::from_millis(100));
    tokio::spawn(mock.serve(listener, std::future::pending()));
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[PLAIN, ("network.root", &root)]);
    let at = service.status();
    let until = |state: &str| {
        let began = tokio::time::Instant::now();
        while !get(&at, "/readyz").is_ok_and(|answer| answer.ends_with(&format!("\n{state}\n"))) {
            assert!(
                began.elapsed() < PATIENCE,
                "never {state}:\n{}",
                service.log()
            );
        }
    };
    until("ready");
    let url = format!(
        "sqlite:{}",
        folder.path().join("dana-state/dana.db").display()
    );
    let mut store = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("a store");
    store
        .execute("BEGIN IMMEDIATE")
        .await
        .expect("nobody else writes");
    until("degraded");
    let ready = get(&at, "/readyz").expect("an answer");
    assert!(ready.starts_with("HTTP/1.0 200"), "{ready}");

    let target = Target::at(&format!("http://{}", service.gateways()), None).expect("a service");
    let told = "confirm_home says \"да домашний\"\n  anything_else says \"нет спасибо\"";
    let informed = plan(1, "+77770000104", told);
    assert_eq!(
        call(target.clone(), informed, Disposition::InformedOutage).await,
        None
    );
    let wanted = "open says \"нет интернета\"\n  confirm_home says \"да домашний\"\n  \
                  confirm_ticket says \"да создайте\"";
    // A gateway may well name its calls by the caller.
    let ordered = Plan {
        call: CallId::new("+77770000101-2").expect("an id"),
        ..plan(2, "+77770000101", wanted)
    };
    let handed_over = Disposition::TransferredOperator;
    assert_eq!(call(target, ordered, handed_over).await, None);

    let (code, text, _) = dana(&["status", "--at", &at]);
    assert_eq!(code, Some(0), "it takes calls");
    assert!(
        text.contains("store        is away: no ticket can be ordered; "),
        "{text}"
    );
    assert!(!text.contains("; 0 bytes of records wait"), "{text}");
    let log = service.log();
    assert!(log.contains("an order could not be recorded"), "{log}");
    assert!(!log.contains("77770000101"), "{log}");
    store.execute("ROLLBACK").await.expect("an answer");
    until("ready");
    let waits = || dana(&["status", "--at", &at]).1;
    let began = tokio::time::Instant::now();
    while !waits()
        .contains("store        takes what it is told; 0 bytes of records wait, 0 records lost")
    {
        assert!(began.elapsed() < PATIENCE, "{}", waits());
    }
}
