//! What the service needs to start, and what it says when that is not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn refused(folder: &Path, settings: &[(&str, &str)]) -> String {
    let output = command(folder, settings).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    let last = said.lines().last().unwrap_or_default();
    last.replace(&folder.display().to_string(), "…")
}

#[test]
fn it_does_not_start_without_what_makes_it_safe_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("some.pem"), "no PEM").expect("it is written");
    fs::write(folder.path().join("token"), "s3cret\n").expect("it is written");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path().join("token"), open).expect("ours");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.path().join("some.pem"), private).expect("ours");

    let (pem, token) = (path("some.pem"), path("token"));
    let plain = ("gateway.plaintext", "true");
    let certificates = [
        ("gateway.certificate", pem.as_str()),
        ("gateway.key", &pem),
        ("gateway.clients", &pem),
    ];
    let cases: [(&[(&str, &str)], &str); 7] = [
        (
            &[],
            "gateways are known by certificates: set `gateway.certificate`, `gateway.key` and \
             `gateway.clients`; or `gateway.plaintext = true`, on a loopback address only",
        ),
        (
            &[plain, ("gateway.listen", "0.0.0.0:0")],
            "`gateway.plaintext` is for loopback: elsewhere `gateway.listen` takes certificates only",
        ),
        (
            &[
                certificates[0],
                certificates[1],
                ("gateway.clients", "nowhere.pem"),
            ],
            "cannot read `nowhere.pem`: No such file or directory (os error 2)",
        ),
        (
            &certificates,
            "the certificates of `gateway.certificate`, `key`, `clients` and `revoked`: no \
             authority of gateways in its file",
        ),
        (
            &[
                plain,
                ("network.token", &token),
                ("network.root", "http://192.0.2.1:80"),
            ],
            "`network.token` is shown to back ends at https:// or on this machine only",
        ),
        (
            &[plain, ("network.authorities", &token)],
            "cannot set up HTTP to the back ends: there is no certificate among the authorities of \
             the back ends",
        ),
        (
            &[plain, ("status.listen", "192.0.2.1:1")],
            "cannot listen at 192.0.2.1:1: Cannot assign requested address (os error 99)",
        ),
    ];
    for (settings, wanted) in cases {
        assert_eq!(refused(folder.path(), settings), format!("error: {wanted}"));
    }
    let said = refused(folder.path(), &[plain, ("network.token", &token)]);
    assert!(
        said.starts_with("error: `…/token` has mode 644 and belongs to user "),
        "{said}"
    );
    assert!(said.ends_with("`chmod 600` it"), "{said}");
}

/// P14: what a bare machine does not have: folders that can be written to, a bundle, a store.
#[test]
fn p14_it_says_what_it_cannot_have() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("it is written");
    let plain = ("gateway.plaintext", "true");
    let cases: [(&[(&str, &str)], &str); 2] = [
        (
            &[plain, ("service.state", "file/state")],
            "cannot make the key file `file/state/token.keys`: Not a directory (os error 20)",
        ),
        (
            &[plain, ("store.url", "sqlite:/proc/dana.db")],
            "cannot make the store `/proc/dana.db`: No such file or directory (os error 2)",
        ),
    ];
    for (settings, wanted) in cases {
        assert_eq!(refused(folder.path(), settings), format!("error: {wanted}"));
    }
}

/// Its workers share their port. With another service's they would too, and half of the calls go there.
#[test]
fn two_services_do_not_share_an_address() {
    let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let plain = ("gateway.plaintext", "true");
    let service = Service::start(one.path(), &[plain]);
    let at = service.gateways();
    assert_eq!(
        refused(two.path(), &[plain, ("gateway.listen", at.as_str())]),
        format!("error: cannot listen at {at}: another service answers there")
    );
}

/// P14: without a place for temporary files, a home, a locale, a resolver that knows the back ends,
/// and on IPv6 alone, it serves; what it is asked goes to an operator.
#[test]
fn p14_it_starts_on_a_bare_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let on_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let listen = if on_ipv6 { "[::1]:0" } else { "127.0.0.1:0" };
    let settings = [
        ("gateway.plaintext", "true"),
        ("gateway.listen", listen),
        ("status.listen", listen),
        ("network.root", "http://back-ends.invalid"),
    ];
    let mut bare = command(folder.path(), &settings);
    bare.env("TMPDIR", "/nowhere").env("LC_ALL", "no_LOCALE");
    let mut service = Service::of(bare);
    let ready = status::get(&service.status(), "/readyz").expect("an answer");
    assert!(ready.ends_with("ready\n"), "{ready}");
    service.signal("TERM");
    assert_eq!(service.ended(), Some(0), "{}", service.log());
}

/// X14: what is secret is in no output, even when it is wrong.
#[test]
fn x14_secrets_are_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    for secret in ["c4n4ry-t0ken", "c4n4ry t0ken"] {
        fs::write(&token, secret).expect("it is written");
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("ours");
        let token = token.display().to_string();
        let settings = [
            ("network.token", token.as_str()),
            ("network.root", "http://dana:c4n4ry-pass@127.0.0.1:1"),
            ("gateway.plaintext", "true"),
            ("log.level", "trace"),
        ];
        let mut said = String::new();
        if secret.contains(' ') {
            said += &refused(folder.path(), &settings);
        } else {
            let mut service = Service::start(folder.path(), &settings);
            service.signal("TERM");
            service.ended();
            said += &service.log();
        }
        let config = command(folder.path(), &settings);
        let mut shown = Command::new(config.get_program());
        shown
            .arg("config")
            .envs(config.get_envs().filter_map(|(k, v)| Some((k, v?))));
        let shown = shown.output().expect("it starts");
        said += &String::from_utf8_lossy(&shown.stdout);
        let keys = fs::read_to_string(folder.path().join("dana-state/token.keys"));
        for key in keys.iter().flat_map(|keys| keys.split_whitespace()) {
            assert!(!said.contains(key), "a token key is shown");
        }
        assert!(!said.contains("c4n4ry"), "{said}");
    }
}
