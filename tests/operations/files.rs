//! A service that may have few files open, and a crowd that takes them all.

use std::net::TcpStream;

use tonic::transport::Channel;

use super::*;
use crate::gateway::Call;

const FILES: u32 = 64;
/// Failures that are waited for: each is a tenth of a second after the one before.
const FAILURES: u32 = 8;

/// `dana serve` with so few files.
fn limited(folder: &Path) -> Command {
    let settings = [
        ("gateway.plaintext", "true"),
        ("service.workers", "1"),
        // Nobody is there: each question fails at once.
        ("network.root", "http://127.0.0.1:9"),
    ];
    let command = command(folder, &settings);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -n {FILES} && exec \"$0\" serve")])
        .arg(command.get_program())
        .current_dir(folder)
        .env_clear()
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn p11_without_files_it_waits_and_serves_who_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::of(limited(folder.path()));
    let at = service.gateways();
    let dial = async || {
        let endpoint = Channel::from_shared(format!("http://{at}")).expect("an address");
        endpoint.connect().await.expect("it listens")
    };
    let channel = dial().await;
    let mut live = Call::offer(&channel, "live").await;
    let (_, listen) = live.question().await;

    let crowd: Vec<TcpStream> = (0..FILES * 2)
        .map(|_| TcpStream::connect(&at).expect("the system takes it"))
        .collect();
    let began = tokio::time::Instant::now();
    let failed = |said: &Said| {
        let failures = said
            .text
            .matches("a connection could not be accepted")
            .count();
        said.whole || failures >= usize::try_from(FAILURES).expect("few")
    };
    let log = service.log.wait_until(failed);
    let least = Duration::from_millis(100) * (FAILURES - 1);
    assert!(began.elapsed() >= least, "it spins:\n{log}");
    live.say(listen, "нет интернета").await;
    assert!(live.turn().await.is_ok(), "who is there is served");

    drop(crowd);
    let mut next = Call::offer(&dial().await, "next").await;
    assert_eq!(next.question().await.0, "open");
}
