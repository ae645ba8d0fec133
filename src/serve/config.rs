//! The configuration: defaults, then one TOML file, then the environment. The only reader of the
//! environment. Whole or not at all: every problem is told, with its place.
//!
//! A setting `section.name` is `name` under `[section]` in the file and `DANA_SECTION_NAME` in the
//! environment; `SETTINGS` is the table of all of them, and `dana config` prints it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::call::named;
use crate::problem::Problems;
use crate::problem::Source;
use crate::problem::did_you_mean;
use crate::serve::forms::{Form, Optional, Root};
use crate::store::StoreUrl;

/// Where the file is looked for if nobody names one; it need not be there.
const DEFAULT_FILE: &str = "dana.toml";

/// Names the file.
const FILE_VARIABLE: &str = "DANA_CONFIG";

/// One row of the table of settings.
#[derive(Debug)]
pub struct Setting {
    /// `section.name`.
    pub key: &'static str,
    /// As it would stand in the environment.
    pub default: &'static str,
    /// What it is, for people.
    pub about: &'static str,
}

/// From one list: the type, the table, the reading and the showing.
macro_rules! settings {
    ($($field:ident: $type:ty = $key:literal, $default:literal, $about:literal;)+) => {
        /// The effective configuration.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config { $(#[doc = $about] pub $field: $type,)+ }

        /// Every setting, in the order in which they are printed.
        pub const SETTINGS: &[Setting] =
            &[$(Setting { key: $key, default: $default, about: $about },)+];

        impl Config {
            fn build(given: &Given, problems: &mut Problems) -> Option<Self> {
                $(let $field: Option<$type> = given.read($key, $default, problems);)+
                Some(Self { $($field: $field?,)+ })
            }

            fn shown(&self) -> Vec<String> {
                vec![$(self.$field.show(),)+]
            }
        }
    };
}

settings! {
    listen: SocketAddr = "gateway.listen", "127.0.0.1:50051",
        "where gateways dial in; port 0 takes a free one";
    clock: Clock = "gateway.clock", "server",
        "whose wall clock a call begins by: server, or gateway (replay and tests)";
    call_limit: NonZeroU32 = "gateway.call_limit", "2000",
        "calls at the same time; one more is refused with `RESOURCE_EXHAUSTED`";
    plaintext: bool = "gateway.plaintext", "false",
        "gateways need no certificate; only on a loopback address";
    certificate: Optional<PathBuf> = "gateway.certificate", "",
        "PEM file of our certificate and those between it and its root; read again when it changes, as the next three";
    key: Optional<PathBuf> = "gateway.key", "",
        "PEM file of its private key, mode 0600";
    clients: Optional<PathBuf> = "gateway.clients", "",
        "PEM file of the authorities that certify gateways, each by a URI `ivr://gateway/<name>`";
    revoked: Optional<PathBuf> = "gateway.revoked", "",
        "PEM file of these authorities' lists of revoked certificates, one for each";
    max_lag_ms: NonZeroU32 = "gateway.max_lag_ms", "50",
        "no new calls while a worker's loop is later than this, in ms";
    status: SocketAddr = "status.listen", "127.0.0.1:9131",
        "where /metrics, /healthz and /readyz are; port 0 takes a free one";
    workers: u16 = "service.workers", "0",
        "threads that serve calls; 0 is one for each core";
    state: PathBuf = "service.state", "dana-state",
        "folder of what must outlive a restart; made with mode 0700";
    token_keys: Optional<PathBuf> = "service.token_keys", "",
        "file of the keys that seal resume tokens; empty is token.keys in the state folder";
    bundle: PathBuf = "bundle.folder", ".",
        "folder that holds flows/, grammars/ and prompts/";
    journal: Optional<PathBuf> = "journal.folder", "",
        "folder of journals and call records; empty is the state folder";
    journal_keys: Optional<PathBuf> = "journal.keys", "",
        "file of the keys that seal journals and the store, one for all replicas; empty is journal.keys in the state folder; read again when it changes";
    keep_days: u16 = "journal.keep_days", "90",
        "days that journals and call records are kept, today not counted";
    keep_mb: NonZeroU32 = "journal.keep_mb", "100000",
        "megabytes of journals that are kept; beyond it the oldest go, but none of today";
    root: Root = "network.root", "http://127.0.0.1:8621",
        "root URL of the back ends";
    authorities: Optional<PathBuf> = "network.authorities", "",
        "PEM file of the authorities that certify the back ends; empty takes those of this machine";
    token: Optional<PathBuf> = "network.token", "",
        "file of the bearer token for the back ends, mode 0600; read again when it changes";
    at_once: NonZeroU32 = "network.at_once", "256",
        "questions to one back end at the same time; more wait for their turn";
    read_ms: NonZeroU32 = "network.read_ms", "3500",
        "longest wait for a look-up, its one retry included, in ms: a caller waits 4 s at most";
    line_test_ms: NonZeroU32 = "network.line_test_ms", "15000",
        "longest wait for a line test, in ms: it runs while the caller is asked";
    ticket_ms: NonZeroU32 = "network.ticket_ms", "7500",
        "longest wait for a ticket, in ms: after 8 s the caller is told that it is unconfirmed";
    store: Optional<StoreUrl> = "store.url", "",
        "ticket intents, call records, bundles: sqlite:PATH or postgres://…; empty is dana.db in the state folder";
    store_days: NonZeroU32 = "store.keep_days", "365",
        "call records and tickets that have ended are forgotten after so many days";
    safe_repost: bool = "tickets.safe_repost", "false",
        "the ticket system keeps Idempotency-Key: a lost answer may be asked again";
    quiet_s: NonZeroU32 = "tickets.quiet_s", "120",
        "the ticket system may still take a request sent so many seconds ago: not found before is no evidence";
    park_hours: NonZeroU32 = "tickets.park_hours", "72",
        "a ticket that is not confirmed after so many hours is left to operators";
    backlog_per_second: NonZeroU32 = "tickets.backlog_per_second", "10",
        "tickets sent after their calls, a second at most";
    log_level: LogLevel = "log.level", "info",
        "error, warn, info, debug or trace";
    log_format: LogFormat = "log.format", "text",
        "text or json";
}

named! {
    /// Whose wall clock a call begins by.
    Clock {
        /// Ours, read once at the offer.
        Server = "server",
        /// The offer's `started_at`.
        Gateway = "gateway",
    }
}

named! {
    /// The least grave thing that is logged.
    LogLevel {
        /// Something is broken.
        Error = "error",
        /// Something is odd.
        Warn = "warn",
        /// What an operator of the service wants to see.
        Info = "info",
        /// What a developer wants to see.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

named! {
    /// The form of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// For machines.
        Json = "json",
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Problems of the file or of the environment.
    #[error("{0}")]
    Problems(Problems),
}

impl Config {
    /// Reads `file` (else the one that `DANA_CONFIG` names, else `dana.toml` if it is there) and
    /// the environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = || {
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, lossy(&value))))
        };
        let named = environment()
            .find(|(name, _)| name == FILE_VARIABLE)
            .map(|(_, path)| path);
        let asked = file
            .map(Path::to_owned)
            .or_else(|| named.map(PathBuf::from));
        let path = asked.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let shown = path.display().to_string();
        let source = match std::fs::read_to_string(&path) {
            Ok(text) => Some(Source::new(shown, text)),
            Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => {
                let path = shown;
                return Err(ConfigError::Unreadable { path, source });
            }
        };
        Self::read(source.as_ref(), environment()).map_err(ConfigError::Problems)
    }

    /// The defaults, over them the file, over it the variables that begin with `DANA_`.
    pub fn read(
        file: Option<&Arc<Source>>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let mut given = Given::default();
        let mut problems = Problems::default();
        if let Some(file) = file {
            given.take_file(file, &mut problems);
        }
        given.take_environment(environment, &mut problems);
        let config = Self::build(&given, &mut problems);
        match config {
            Some(config) => problems.or_ok(config),
            None => Err(problems),
        }
    }

    /// The file of the keys that seal resume tokens.
    pub fn token_keys(&self) -> PathBuf {
        self.token_keys
            .0
            .clone()
            .unwrap_or_else(|| self.state.join("token.keys"))
    }

    /// The folder of journals and call records.
    pub fn journal(&self) -> &Path {
        self.journal.0.as_deref().unwrap_or(&self.state)
    }

    /// Where the store is.
    pub fn store(&self) -> StoreUrl {
        let own = || StoreUrl::sqlite(&self.state.join("dana.db"));
        self.store.0.clone().unwrap_or_else(own)
    }

    /// Where call records wait for the store.
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    /// Where published bundles are unpacked.
    pub fn bundles(&self) -> PathBuf {
        self.state.join("bundles")
    }

    /// The file of the keys that seal journals and the store.
    pub fn journal_keys(&self) -> PathBuf {
        self.journal_keys
            .0
            .clone()
            .unwrap_or_else(|| self.state.join("journal.keys"))
    }

    /// As a configuration file, each setting with what it is; passwords in URLs hidden.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for (setting, value) in SETTINGS.iter().zip(self.shown()) {
            let (section, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
            if section != last {
                let gap = if last.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}[{section}]");
                last = section;
            }
            let bare = value.parse::<u32>().is_ok() || value.parse::<bool>().is_ok();
            // A JSON string is a TOML string.
            let value = if bare {
                value
            } else {
                serde_json::Value::from(value).to_string()
            };
            let _ = writeln!(text, "# {} ({})", setting.about, variable(setting.key));
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// The variable of a setting.
fn variable(key: &str) -> String {
    format!("DANA_{}", key.replace('.', "_").to_uppercase())
}

/// What was given for a setting, and where it stands.
#[derive(Default)]
struct Given(BTreeMap<&'static str, (String, Arc<Source>, Range<usize>)>);

impl Given {
    fn take_file(&mut self, file: &Arc<Source>, problems: &mut Problems) {
        let table = match DeTable::parse(&file.text) {
            Ok(table) => table,
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                return problems.push(file.problem(span, error.message()));
            }
        };
        let sections = || {
            SETTINGS
                .iter()
                .filter_map(|s| s.key.split_once('.'))
                .map(|(s, _)| s)
        };
        for (section, value) in table.get_ref() {
            let name = section.get_ref();
            if !sections().any(|known| known == name.as_ref()) {
                let title = format!("there is no section `{name}`");
                let problem = file.problem(section.span(), title);
                problems.push(problem.hint(hint(name, sections())));
                continue;
            }
            let DeValue::Table(settings) = value.get_ref() else {
                let title = format!("`{name}` is a section");
                problems.push(
                    file.problem(value.span(), title)
                        .hint(format!("write `[{name}]`")),
                );
                continue;
            };
            for (setting, value) in settings {
                let key = format!("{name}.{}", setting.get_ref());
                let Some(known) = SETTINGS.iter().find(|known| known.key == key) else {
                    let title = format!("there is no setting `{key}`");
                    let keys = SETTINGS.iter().map(|known| known.key);
                    problems.push(file.problem(setting.span(), title).hint(hint(&key, keys)));
                    continue;
                };
                let text = match value.get_ref() {
                    DeValue::String(text) => text.to_string(),
                    DeValue::Integer(number) => number.to_string(),
                    DeValue::Boolean(value) => value.to_string(),
                    DeValue::Float(_)
                    | DeValue::Datetime(_)
                    | DeValue::Array(_)
                    | DeValue::Table(_) => {
                        let title = format!("`{key}` is a text, a whole number, true or false");
                        problems.push(file.problem(value.span(), title));
                        continue;
                    }
                };
                self.0
                    .insert(known.key, (text, Arc::clone(file), value.span()));
            }
        }
    }

    fn take_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
        problems: &mut Problems,
    ) {
        for (name, value) in environment {
            if !name.starts_with("DANA_") || name == FILE_VARIABLE {
                continue;
            }
            let source = Source::new("environment", format!("{name}={value}"));
            if let Some(known) = SETTINGS.iter().find(|known| variable(known.key) == name) {
                let span = name.len() + 1..source.text.len();
                self.0.insert(known.key, (value, source, span));
            } else {
                let known: Vec<String> = SETTINGS.iter().map(|s| variable(s.key)).collect();
                let hint = hint(&name, known.iter().map(String::as_str));
                let title = format!("there is no setting `{name}`");
                problems.push(source.problem(0..name.len(), title).hint(hint));
            }
        }
    }

    /// What was given, else the default.
    fn read<T: Form>(&self, key: &str, default: &str, problems: &mut Problems) -> Option<T> {
        let Some((text, source, span)) = self.0.get(key) else {
            return T::read(default);
        };
        let value = T::read(text);
        if value.is_none() {
            let problem = source.problem(span.clone(), format!("`{key}` is {}", T::WHAT));
            problems.push(problem.hint(format!("the default is `{default}`")));
        }
        value
    }
}

fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    did_you_mean(wrong, known).map_or_else(
        || "`dana config` prints every setting".to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}
