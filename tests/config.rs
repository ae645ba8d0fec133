//! The configuration, the keys, and how commands end.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use dana::problem::Source;
use dana::serve::config::Clock;
use dana::serve::config::Config;
use dana::serve::config::SETTINGS;
use dana::serve::keys;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Place and title of each problem, in order.
fn problems(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let file = Source::new("dana.toml", file);
    let problems = Config::read(Some(&file), variables(environment)).unwrap_err();
    let said = problems.iter().map(|problem| {
        let (path, line, column) = problem.location();
        format!("{path}:{line}:{column}: {}", problem.title())
    });
    said.collect()
}

#[test]
fn every_default_is_good_and_printed_once() {
    let config = Config::read(None, []).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!((config.clock, config.safe_repost), (Clock::Server, false));
    assert_eq!(config.token_keys(), Path::new("dana-state/token.keys"));
    assert_eq!(config.journal(), Path::new("dana-state"));

    let printed = config.to_toml();
    let values = printed.lines().filter(|line| line.contains(" = ")).count();
    let keys: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!((values, keys.len()), (SETTINGS.len(), SETTINGS.len()));
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let file =
        "[service]\nstate = 'a \"quoted\" \\ folder'\nworkers = 3\n[tickets]\nsafe_repost = true";
    let file = Source::new("dana.toml", file);
    let config = Config::read(Some(&file), []).unwrap();
    let printed = Source::new("printed", config.to_toml());
    assert_eq!(Config::read(Some(&printed), []).unwrap(), config);
    assert_eq!((config.workers, config.safe_repost), (3, true));
}

#[test]
fn the_environment_stands_over_the_file() {
    let file = Source::new(
        "dana.toml",
        "[gateway]\ncall_limit = 5\nclock = \"gateway\"\n",
    );
    let given = variables(&[
        ("DANA_GATEWAY_CALL_LIMIT", "7"),
        ("PATH", "x"),
        ("DANA_CONFIG", "y"),
    ]);
    let config = Config::read(Some(&file), given).unwrap();
    assert_eq!((config.call_limit.get(), config.clock), (7, Clock::Gateway));
}

#[test]
fn every_problem_is_told_with_its_place() {
    let file = "[gatway]\nlisten = 1\n[gateway]\nlisten = \"nowhere\"\ncal_limit = 3\ncall_limit = 0\n\
                [network]\nroot = \"ftp://x\"\nread_ms = [1]\n";
    assert_eq!(
        problems(
            file,
            &[("DANA_LOG_LEVLE", "info"), ("DANA_LOG_FORMAT", "xml")]
        ),
        [
            "dana.toml:1:2: there is no section `gatway`",
            "dana.toml:4:10: `gateway.listen` is an address and a port, like 127.0.0.1:50051",
            "dana.toml:5:1: there is no setting `gateway.cal_limit`",
            "dana.toml:6:14: `gateway.call_limit` is a whole number, 1 or more",
            "dana.toml:8:8: `network.root` is a URL that begins with http:// or https://",
            "dana.toml:9:11: `network.read_ms` is a text, a whole number, true or false",
            "environment:1:1: there is no setting `DANA_LOG_LEVLE`",
            "environment:1:17: `log.format` is text or json",
        ]
    );
    assert_eq!(problems("[gateway\n", &[]).len(), 1);
}

/// X8: the one address that is asked is the configured one, by HTTP, and a whole root.
#[test]
fn x8_what_is_no_address_of_back_ends_is_refused() {
    let roots = [
        "file:///etc/passwd",
        "ftp://tt.example",
        "gopher://tt.example:70",
        "unix:///run/docker.sock",
        "http:///tmf-api",
        "https://",
        "//169.254.169.254/",
        "169.254.169.254",
        "http://tt.example/?next=http://169.254.169.254",
        "http://tt.example/#x",
        "http://tt.example/a b",
        "http://tt.example/\r\nX: 1",
    ];
    for root in roots {
        let said = problems("", &[("DANA_NETWORK_ROOT", root)]);
        let told = said.len() == 1 && said[0].contains("`network.root` is a URL");
        assert!(told, "{root:?}: {said:?}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let given = variables(&[("DANA_NETWORK_ROOT", "https://dana:s3cret@tt.example/api/")]);
    let config = Config::read(None, given).unwrap();
    let root = &config.root;
    assert_eq!(root.reveal(), "https://dana:s3cret@tt.example/api");
    assert!(
        config
            .to_toml()
            .contains("root = \"https://***@tt.example/api\"")
    );
    assert!(!format!("{config:?}{}", config.to_toml()).contains("s3cret"));
}

#[test]
fn keys_are_made_once_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/token.keys");
    let made = keys::load_or_create(&path).unwrap();
    assert_eq!(keys::load_or_create(&path).unwrap(), made);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(format!("{made:?}"), format!("[Key({})]", made[0].id));

    let other = keys::load_or_create(&folder.path().join("other")).unwrap();
    assert_ne!(other[0].secret, made[0].secret);

    let (zeros, ones) = ("00".repeat(32), "ff".repeat(32));
    fs::write(&path, format!("7 {zeros}\n8 {ones}\n")).unwrap();
    let read = keys::load_or_create(&path).unwrap();
    let read: Vec<_> = read.iter().map(|key| (key.id, key.secret)).collect();
    assert_eq!(read, [(7, [0; 32]), (8, [255; 32])]);

    for (text, line) in [
        (String::new(), 1),
        (format!("7 {zeros}\n7 {ones}\n"), 2),
        (format!("7 {zeros}0\n"), 1),
        ("7 кілт\n".to_owned(), 1),
    ] {
        fs::write(&path, text).unwrap();
        let error = keys::load_or_create(&path).unwrap_err().to_string();
        let place = format!("{}:{line}: a key is `<id> <64 hex digits>`", path.display());
        assert!(error.starts_with(&place), "{error}");
    }
}

fn dana(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dana"));
    command.args(arguments).env_clear();
    command
}

#[test]
fn commands_end_with_the_code_for_what_they_found() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    fs::write(&bad, "[x]\n").unwrap();
    let (bad, empty) = (bad.to_str().unwrap(), folder.path().to_str().unwrap());
    for (arguments, code) in [
        (vec!["--version"], 0),
        (vec!["help"], 0),
        (vec!["config"], 0),
        (vec![], 2),
        (vec!["config", "--nope"], 2),
        (vec!["config", "--config", bad], 2),
        (vec!["config", "--config", "/nowhere/dana.toml"], 2),
        (vec!["check", "--bundle", empty], 2),
    ] {
        let output = dana(&arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        let said = if code == 0 {
            &output.stdout
        } else {
            &output.stderr
        };
        let whole = [&output.stdout[..], &output.stderr[..]].concat();
        assert!(!whole.is_empty() && (arguments.contains(&"check") || *said == whole));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = dana(&["config"]);
    let mut child = command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
