//! Our own gateways, the scripted one and that of `dana load`, with certificates.

use std::time::Duration;

use dana::call::{CallId, Disposition, PhoneNumber};
use dana::caller::MediaSide;
use dana::client::target::{Certificates, TargetError};
use dana::client::{self, CallFailure, Target};
use dana::clock;
use dana::journal::cdr::fold;
use dana::load::{self, Situation};
use dana::problem::Source;
use dana::script::parse;

use super::authority::{Authority, Certified};
use super::*;

fn shown(authority: &Authority, own: &Certified) -> Certificates {
    Certificates {
        authorities: authority.pem().into(),
        certificate: own.certificate.clone().into(),
        key: own.key.clone().into(),
    }
}

fn url(replica: &Replica) -> String {
    let (_, port) = replica.target.rsplit_once(':').expect("a port");
    format!("https://localhost:{port}")
}

const CABLE: &str = "caller\n  open says \"нет интернета\"\n  confirm_home says \"да домашний\"\n  \
    confirm_ticket says \"да создайте\"\n  anything_else says \"нет\"\n";

fn script() -> dana::script::Script {
    parse::parse(&Source::new("caller", CABLE)).expect("a script")
}

fn plan(id: &str) -> client::Plan {
    client::Plan {
        call: CallId::new(id).expect("an id"),
        from: PhoneNumber::parse("+77770000101"),
        locale: Some(Locale::Ru),
        turns: script().turns,
        media: MediaSide::new(None, 0),
        speed: 50,
        at: clock::now(),
        lengths: Arc::default(),
        patience: Duration::ZERO,
    }
}

#[tokio::test]
async fn a_scripted_gateway_shows_its_certificate_and_believes_only_its_authorities() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let settings = certificates::settings_of(&ours);
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let target = |shown: &Certificates| Target::at(&url(&replica), Some(shown)).expect("a service");

    let good = target(&shown(&ours, &ours.gateway("almaty-1")));
    let lengths = client::lengths(&good).await.expect("it is served");
    assert!(lengths.len() > 100, "{}", lengths.len());
    let entries = client::make(&good, plan("c-1"), |_| {}).await;
    let cdr = fold(&entries.expect("it is served"));
    let ended = cdr.and_then(|cdr| cdr.disposition);
    assert_eq!(ended, Some(Disposition::TicketCreated));

    let cases = [
        (
            "the gateway is a stranger",
            shown(&ours, &other.gateway("almaty-1")),
        ),
        (
            "the service is a stranger",
            shown(&other, &ours.gateway("almaty-1")),
        ),
    ];
    for (name, bad) in cases {
        let made = client::make(&target(&bad), plan("c-2"), |_| {}).await;
        let failed = made.expect_err(name);
        assert!(
            matches!(failed, CallFailure::Unreachable(_)),
            "{name}: {failed}"
        );
    }
}

#[tokio::test]
async fn a_load_shows_its_certificate() {
    let authority = Authority::new("ours");
    let settings = certificates::settings_of(&authority);
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let shown = shown(&authority, &authority.gateway("almaty-1"));
    let situation = Situation::ending("test", &script(), Disposition::TicketCreated);
    let situation = Arc::new(situation.expect("a situation"));
    let plan = load::Plan {
        target: Target::at(&url(&replica), Some(&shown)).expect("a service"),
        ..super::load::plan(&replica, situation, 8)
    };
    let ran = tokio::task::spawn_blocking(|| load::run(plan, |_| {}));
    let report = ran.await.expect("no panic").expect("it runs");
    assert_eq!(report.figures.failures, std::collections::BTreeMap::new());
    assert_eq!(report.figures.calls, 8);
}

#[test]
fn what_is_no_service_or_no_certificate_is_said() {
    let authority = Authority::new("ours");
    let good = shown(&authority, &authority.gateway("almaty-1"));
    let none = |change: fn(&mut Certificates)| {
        let mut bad = good.clone();
        change(&mut bad);
        Some(bad)
    };
    let other = Some(Certificates {
        key: authority.gateway("almaty-1").key.into(),
        ..good.clone()
    });
    let https = "https://localhost:50051";
    let no_url = "no service\n\nhint: http://host:port, or https:// with certificates";
    let cases = [
        ("localhost:50051", None, no_url),
        ("http://localhost", None, no_url),
        ("http://localhost:50051/calls", None, no_url),
        ("ftp://localhost:50051", None, no_url),
        (https, None, "name ours, its key and its authorities"),
        (
            "http://localhost:50051",
            Some(good.clone()),
            "at https:// only",
        ),
        (
            https,
            none(|c| c.authorities.clear()),
            "no authority of the service in its file",
        ),
        (
            https,
            none(|c| c.certificate.clear()),
            "no certificate in its file",
        ),
        (https, none(|c| c.key.clear()), "no private key in its file"),
        (
            https,
            other,
            "the certificates cannot be used: keys may not be consistent: KeyMismatch",
        ),
    ];
    for (url, shown, wanted) in cases {
        let error: TargetError = Target::at(url, shown.as_ref()).expect_err(wanted);
        assert!(error.to_string().ends_with(wanted), "{url}: {error}");
    }
    let at = |url: &str, shown| Target::at(url, shown).expect("a service").to_string();
    assert_eq!(
        at("http://127.0.0.1:50051/", None),
        "http://127.0.0.1:50051"
    );
    assert_eq!(
        at("https://[::1]:50051", Some(&good)),
        "https://[::1]:50051"
    );
}
