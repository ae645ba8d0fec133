//! Who may dial in, and whose calls are whose.

use std::time::Duration;

use dana::gateway::tls::{Pem, Tls};
use dana::metrics::Metrics;
use rcgen::ExtendedKeyUsagePurpose;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::authority::{Authority, Certified, Says, self_signed};
use super::*;

fn pem(service: &Certified, clients: &Authority, revoked: Option<String>) -> Pem {
    Pem {
        certificate: service.certificate.clone().into(),
        key: service.key.clone().into(),
        clients: clients.pem().into(),
        revoked: revoked.map(String::into_bytes),
    }
}

fn settings(pem: &Pem) -> Settings {
    Settings {
        tls: Some(Arc::new(Tls::new(pem).expect("good certificates"))),
        ..Settings::default()
    }
}

/// Settings of a service that `authority` certifies, as it does its gateways.
pub(super) fn settings_of(authority: &Authority) -> Settings {
    settings(&pem(&authority.service(), authority, None))
}

async fn guarded(authority: &Authority) -> Replica {
    replica(&BackEnds::default(), 7, settings_of(authority)).await
}

fn port(replica: &Replica) -> &str {
    replica.target.rsplit(':').next().expect("a port")
}

/// Dials as a gateway with that certificate; a refusal shows here or at the first call.
pub(super) async fn dial(
    replica: &Replica,
    authority: &Authority,
    own: Option<&Certified>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(authority.pem()));
    if let Some(own) = own {
        tls = tls.identity(Identity::from_pem(&own.certificate, &own.key));
    }
    let target = format!("https://127.0.0.1:{}", port(replica));
    let endpoint = Channel::from_shared(target).expect("an address");
    endpoint.tls_config(tls).expect("a client").connect().await
}

/// Whether a gateway with that certificate gets a call through.
async fn is_served(replica: &Replica, authority: &Authority, own: Option<&Certified>) -> bool {
    let Ok(channel) = dial(replica, authority, own).await else {
        return false;
    };
    let (events, receiver) = mpsc::channel(8);
    let event = pb::CallEvent {
        seq: 1,
        offset_ms: 0,
        event: Some(offered("c-1")),
    };
    events.send(event).await.expect("there is room");
    let turns = CallGatewayClient::new(channel)
        .converse(ReceiverStream::new(receiver))
        .await;
    match turns {
        Ok(turns) => turns
            .into_inner()
            .message()
            .await
            .is_ok_and(|turn| turn.is_some()),
        Err(_) => false,
    }
}

#[tokio::test]
async fn x1_only_a_good_certificate_of_a_gateway_is_let_in() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let with = |says: Says<'_>| Some(ours.certify(&says));
    let pem = pem(&ours.service(), &ours, Some(ours.revokes(13)));
    let replica = replica(&BackEnds::default(), 7, settings(&pem)).await;
    let uris = |uris| Says {
        uris,
        ..Says::default()
    };
    let cases = [
        ("a gateway's", Some(ours.gateway("almaty-1")), true),
        ("none", None, false),
        ("self-signed", Some(self_signed()), false),
        (
            "of another authority",
            Some(other.gateway("almaty-1")),
            false,
        ),
        (
            "expired",
            with(Says {
                years: (2020, 2021),
                ..Says::default()
            }),
            false,
        ),
        (
            "not valid yet",
            with(Says {
                years: (3999, 4000),
                ..Says::default()
            }),
            false,
        ),
        (
            "revoked",
            with(Says {
                serial: 13,
                ..Says::default()
            }),
            false,
        ),
        (
            "a server's",
            with(Says {
                usage: ExtendedKeyUsagePurpose::ServerAuth,
                ..Says::default()
            }),
            false,
        ),
        ("a name in CN only", with(uris(&[])), false),
        ("another role", with(uris(&["ivr://user/aigerim"])), false),
        ("no name", with(uris(&["ivr://gateway/"])), false),
        (
            "a name with a colon",
            with(uris(&["ivr://gateway/a:b"])),
            false,
        ),
        (
            "two names",
            with(uris(&["ivr://gateway/a", "ivr://gateway/b"])),
            false,
        ),
    ];
    for (name, own, served) in cases {
        assert_eq!(
            is_served(&replica, &ours, own.as_ref()).await,
            served,
            "{name}"
        );
    }
}

#[tokio::test]
async fn x4_a_gateway_sees_its_own_calls_only() {
    let authority = Authority::new("ours");
    let replica = guarded(&authority).await;
    let one = dial(&replica, &authority, Some(&authority.gateway("one"))).await;
    let two = dial(&replica, &authority, Some(&authority.gateway("two"))).await;
    let (one, two) = (one.expect("it dials"), two.expect("it dials"));

    let mut call = Call::offer(&one, "c-1").await;
    call.answer("open", "нет интернета").await;
    let (_, listen) = call.question().await;

    // With the other's token, and with the id of a call that is nobody's: no difference is told.
    let bad = (Code::PermissionDenied, "BAD_TOKEN".to_owned());
    for id in ["c-1", "c-2"] {
        let mut stolen = Call::resume(&two, id, &call.token, 0).await;
        assert_eq!(reason(&stolen.status().await), bad, "{id}");
    }
    // The same id is another call there.
    let mut own = Call::offer(&two, "c-1").await;
    assert_eq!(own.question().await.0, "open");
    own.send(ended()).await;
    assert_eq!(own.status().await.code(), Code::Ok);

    call.say(listen, "да").await;
    assert_eq!(call.question().await.0, "confirm_ticket");
}

#[tokio::test]
async fn x15_certificates_are_replaced_under_calls_and_bad_ones_are_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let tls = Arc::new(Tls::new(&pem(&old.service(), &old, None)).expect("good"));
    let settings = Settings {
        tls: Some(Arc::clone(&tls)),
        ..Settings::default()
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let channel = dial(&replica, &old, Some(&old.gateway("one"))).await;
    let mut call = Call::offer(&channel.expect("it dials"), "c-1").await;
    assert_eq!(call.question().await.0, "open");

    let good = pem(&new.service(), &new, None);
    let half = Pem {
        certificate: good.certificate[..good.certificate.len() / 2].to_vec(),
        ..good.clone()
    };
    let of_another = Pem {
        key: new.service().key.into(),
        ..good.clone()
    };
    for (name, bad) in [("half-written", half), ("another's key", of_another)] {
        assert!(tls.replace(&bad).is_err(), "{name}");
        let two = old.gateway("two");
        assert!(
            is_served(&replica, &old, Some(&two)).await,
            "{name}: the old stay"
        );
    }

    tls.replace(&good).expect("good");
    assert!(is_served(&replica, &new, Some(&new.gateway("two"))).await);
    assert!(!is_served(&replica, &old, Some(&old.gateway("two"))).await);
    call.say(1, "нет интернета").await;
    assert!(call.turn().await.is_ok(), "the call goes on");
}

/// What dials in and speaks no TLS, or nothing at all, holds its place for five seconds at most,
/// however many do.
#[tokio::test(start_paused = true)]
async fn g21_what_speaks_no_tls_is_shown_the_door_and_gateways_are_served() {
    let authority = Authority::new("ours");
    let replica = guarded(&authority).await;
    let address = format!("127.0.0.1:{}", port(&replica));
    let mut strangers = Vec::new();
    let says: [&[u8]; 4] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01",
    ];
    for at in 0..400 {
        let mut stranger = TcpStream::connect(&address).await.expect("it listens");
        stranger.write_all(says[at % 4]).await.expect("it is sent");
        strangers.push(stranger);
    }
    let shown_the_door = async {
        for mut stranger in strangers {
            let mut rest = Vec::new();
            // Whatever is answered, the end comes.
            let _ = stranger.read_to_end(&mut rest).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(6), shown_the_door)
        .await
        .expect("within five seconds");
    assert!(is_served(&replica, &authority, Some(&authority.gateway("one"))).await);
}

#[tokio::test]
async fn one_gateway_has_at_most_sixty_four_connections() {
    let authority = Authority::new("ours");
    let metrics = Metrics::default();
    let settings = Settings {
        metrics: metrics.clone(),
        ..settings_of(&authority)
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let greedy = authority.gateway("greedy");
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(
            dial(&replica, &authority, Some(&greedy))
                .await
                .expect("it dials"),
        );
    }
    assert!(!is_served(&replica, &authority, Some(&greedy)).await);
    assert!(is_served(&replica, &authority, Some(&authority.gateway("modest"))).await);
    let counted = "dana_handshakes_refused_total{reason=\"too_many\"} 1";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
    drop(open);
}

/// Every RPC that is served, and what a gateway gets that sends it an empty message. A new one has
/// to be put here.
const RPCS: [(&str, Code); 5] = [
    (
        "dana.gateway.v1.CallGateway/Converse",
        Code::InvalidArgument,
    ),
    ("dana.gateway.v1.CallGateway/ListPrompts", Code::Ok),
    ("dana.gateway.v1.CallGateway/FetchPrompt", Code::NotFound),
    ("grpc.health.v1.Health/Check", Code::Ok),
    ("grpc.health.v1.Health/Watch", Code::Ok),
];

/// What an empty message to that RPC is answered with.
async fn called(channel: Channel, rpc: &str) -> Code {
    let mut client = tonic::client::Grpc::new(channel);
    if client.ready().await.is_err() {
        return Code::Unavailable;
    }
    let path = format!("/{rpc}").parse().expect("a path");
    let nothing = tokio_stream::once(());
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let answers = client
        .streaming(tonic::Request::new(nothing), path, codec)
        .await;
    match answers {
        Ok(answers) => match answers.into_inner().message().await {
            Ok(_) => Code::Ok,
            Err(status) => status.code(),
        },
        Err(status) => status.code(),
    }
}

/// One role, one door: whoever has a gateway's certificate may call every RPC, whoever has another
/// or none reaches no RPC at all, and there is no other RPC.
#[tokio::test]
async fn x2_every_rpc_is_for_gateways_and_there_is_no_other() {
    let proto = include_str!("../../proto/dana/gateway/v1/gateway.proto");
    let contract = proto.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("rpc ")?.split_once('(')?;
        Some(format!("dana.gateway.v1.CallGateway/{name}"))
    });
    assert_eq!(contract.collect::<Vec<_>>(), RPCS.map(|(rpc, _)| rpc)[..3]);

    let authority = Authority::new("ours");
    let replica = guarded(&authority).await;
    let own = authority.gateway("one");
    let gateway = dial(&replica, &authority, Some(&own)).await;
    let gateway = gateway.expect("it dials");
    for (rpc, wanted) in RPCS {
        assert_eq!(called(gateway.clone(), rpc).await, wanted, "{rpc}");
    }
    for rpc in [
        "dana.gateway.v1.CallGateway/EndCall",
        "dana.supervisor.v1.Supervisor/ListCalls",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        let code = called(gateway.clone(), rpc).await;
        assert_eq!(code, Code::Unimplemented, "{rpc}");
    }
    let supervisor = authority.certify(&Says {
        uris: &["ivr://user/supervisor"],
        ..Says::default()
    });
    for own in [None, Some(&supervisor)] {
        for (rpc, _) in RPCS {
            let code = match dial(&replica, &authority, own).await {
                Ok(channel) => called(channel, rpc).await,
                Err(_) => Code::Unavailable,
            };
            let broken = matches!(code, Code::Unavailable | Code::Unknown | Code::Internal);
            assert!(broken, "{rpc}: {code:?}");
        }
    }
}
