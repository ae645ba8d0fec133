//! The service as a process, as those who run it meet it: what it needs to start, what it says of
//! itself, how it reloads, drains and is upgraded.

mod certificates;
mod chaos;
mod files;
mod personal;
mod rolling;
mod start;
mod status;
pub(crate) mod subject;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A started `dana serve`. Killed when it is dropped.
struct Service {
    child: Child,
    log: Arc<Log>,
}

/// What it said on its standard error so far.
#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    /// The process has ended.
    whole: bool,
}

impl Log {
    fn wait_until(&self, enough: impl Fn(&Said) -> bool) -> String {
        let said = self.said.lock().expect("no panic");
        let waited = self
            .more
            .wait_timeout_while(said, PATIENCE, |said| !enough(said));
        let (said, timeout) = waited.expect("no panic");
        assert!(!timeout.timed_out(), "it only said:\n{}", said.text);
        said.text.clone()
    }

    fn read(&self, from: impl std::io::Read) {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut said = self.said.lock().expect("no panic");
            said.text.push_str(&line);
            said.text.push('\n');
            self.more.notify_all();
        }
        self.said.lock().expect("no panic").whole = true;
        self.more.notify_all();
    }
}

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// `dana serve` in `folder`, on free ports, with settings `section.name = value`.
fn command(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut file = String::new();
    let defaults = [
        ("gateway.listen", "127.0.0.1:0"),
        ("status.listen", "127.0.0.1:0"),
        // These tests share two cores with all others.
        ("gateway.max_lag_ms", "60000"),
        ("bundle.folder", env!("CARGO_MANIFEST_DIR")),
    ];
    for (key, value) in defaults.iter().chain(settings) {
        let (section, name) = key.split_once('.').expect("section.name");
        let _ = writeln!(
            file,
            "DANA_{}_{}\t{value}",
            section.to_uppercase(),
            name.to_uppercase()
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_dana"));
    command
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .envs(file.lines().filter_map(|line| line.split_once('\t')))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Service {
    /// Starts it and waits until it serves.
    fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::of(command(folder, settings))
    }

    /// Starts that command and waits until it serves.
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let stderr = child.stderr.take().expect("a pipe");
        let log = Arc::new(Log::default());
        let reader = Arc::clone(&log);
        std::thread::spawn(move || reader.read(stderr));
        let service = Self { child, log };
        service.wait_for("metrics and health are at ");
        service
    }

    fn log(&self) -> String {
        self.log.said.lock().expect("no panic").text.clone()
    }

    /// The rest of the first line with these words, once there is one.
    fn wait_for(&self, words: &str) -> String {
        let log = self
            .log
            .wait_until(|said| said.whole || said.text.contains(words));
        let said = log.lines().find_map(|line| line.split_once(words));
        said.unwrap_or_else(|| panic!("it ended:\n{log}"))
            .1
            .to_owned()
    }

    /// Where gateways dial in.
    fn gateways(&self) -> String {
        let rest = self.wait_for("dana serves gateways at ");
        rest.split(',').next().expect("an address").to_owned()
    }

    /// Where its status is.
    fn status(&self) -> String {
        let at = self.wait_for("metrics and health are at ");
        at.trim_start_matches("http://").to_owned()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(killed.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Waits for its end; its exit code.
    fn ended(&mut self) -> Option<i32> {
        self.log.wait_until(|said| said.whole);
        self.child.wait().expect("it is ours").code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `dana` to its end; exit code, stdout, stderr.
fn dana(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dana"))
        .args(args)
        .env_clear()
        .output()
        .expect("it starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
