//! Whatever a gateway sends: a clear status for that stream, and nothing else is hurt.

use bytes::Bytes;
use http::Request;

use super::*;

/// A stream whose bytes are ours to choose; the grpc-status that it ends with.
async fn raw(replica: &Replica, body: &[u8]) -> Option<String> {
    let at = replica.target.trim_start_matches("http://");
    let tcp = tokio::net::TcpStream::connect(at)
        .await
        .expect("it listens");
    let (client, connection) = h2::client::handshake(tcp).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!(
        "{}/dana.gateway.v1.CallGateway/Converse",
        replica.target
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .body(())
    .expect("a request");
    let mut client = client.ready().await.expect("a stream");
    let (response, mut stream) = client.send_request(request, false).expect("a stream");
    stream
        .send_data(Bytes::copy_from_slice(body), true)
        .expect("it is sent");
    let response = response.await.expect("an answer");
    let at_once = response.headers().get("grpc-status").cloned();
    let mut answer = response.into_body();
    while let Some(Ok(data)) = answer.data().await {
        answer
            .flow_control()
            .release_capacity(data.len())
            .expect("it was received");
    }
    let trailers = answer.trailers().await.ok().flatten();
    let status = at_once.or_else(|| trailers.and_then(|t| t.get("grpc-status").cloned()));
    status.and_then(|status| status.to_str().ok().map(str::to_owned))
}

/// A gRPC frame.
fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

#[tokio::test]
async fn g15_g16_bytes_that_are_no_event_end_their_own_stream() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let mut neighbour = Call::offer(&connect(&replica).await, "neighbour").await;
    neighbour.answer("open", "нет интернета").await;

    let ok = "0";
    // An offer whose call_id is not UTF-8: field 10 of CallEvent, field 1 of CallOffered.
    let not_utf8 = frame(&[0x08, 0x01, 0x52, 0x04, 0x0a, 0x02, 0xff, 0xfe]);
    let cases: [(&str, Vec<u8>); 6] = [
        ("garbage", frame(&[0xff; 64])),
        ("invalid UTF-8", not_utf8),
        ("a truncated varint", frame(&[0x08, 0x80])),
        (
            "a prefix of 1 GiB",
            [&[0][..], &0x4000_0000_u32.to_be_bytes(), &[1, 2, 3]].concat(),
        ),
        ("more than 64 KiB", frame(&vec![0; 70_000])),
        ("half a prefix", vec![0, 0]),
    ];
    for (name, body) in cases {
        let status = raw(&replica, &body).await;
        assert!(
            status.as_deref().is_some_and(|status| status != ok),
            "{name}: {status:?}"
        );
    }

    neighbour.answer("confirm_home", "да").await;
    assert_eq!(neighbour.question().await.0, "confirm_ticket");
}

#[tokio::test]
async fn a_stream_begins_with_an_offer_or_a_resume() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let answered = || Happened::CallAnswered(pb::CallAnswered {});
    let cases = [
        (1, answered(), "FIRST_MESSAGE_NOT_AN_OFFER"),
        (2, offered("c-1"), "SEQUENCE_STARTS_AT_ONE"),
        (1, offered(""), "BAD_CALL_ID"),
        (1, offered("two words"), "BAD_CALL_ID"),
    ];
    for (seq, event, wanted) in cases {
        let mut call = Call::open(&channel).await;
        call.send_as(seq, event).await;
        assert_eq!(
            reason(&call.status().await),
            (Code::InvalidArgument, wanted.to_owned())
        );
    }
    // A message without an event is an event of the future: not an offer either.
    let mut call = Call::open(&channel).await;
    let empty = pb::CallEvent {
        seq: 1,
        offset_ms: 0,
        event: None,
    };
    call.events.send(empty).await.expect("it is sent");
    let wanted = (
        Code::InvalidArgument,
        "FIRST_MESSAGE_NOT_AN_OFFER".to_owned(),
    );
    assert_eq!(reason(&call.status().await), wanted);
}

#[tokio::test]
async fn g10_a_second_offer_of_a_live_call_is_refused() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.answer("open", "нет интернета").await;
    let mut second = Call::offer(&channel, "c-1").await;
    let wanted = (Code::AlreadyExists, "CALL_IS_LIVE".to_owned());
    assert_eq!(reason(&second.status().await), wanted);
    assert_eq!(call.question().await.0, "confirm_home");
}

#[tokio::test]
async fn g1_g2_g3_a_duplicate_is_acknowledged_and_a_gap_ends_the_stream() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&replica).await, "c-1").await;
    let (question, listen) = call.question().await;
    assert_eq!(question, "open");
    call.say(listen, "нет интернета").await;
    assert_eq!(call.question().await.0, "confirm_home");
    let seq = call.seq;
    call.send_as(1, offered("c-1")).await;
    let mut acked = call.turn().await.expect("an acknowledgement");
    while acked.acked_event_seq < seq {
        acked = call.turn().await.expect("an acknowledgement");
    }
    assert_eq!((acked.acked_event_seq, acked.actions), (seq, Vec::new()));
    call.send_as(seq + 2, Happened::SpeechStarted(pb::SpeechStarted {}))
        .await;
    let wanted = (Code::FailedPrecondition, "SEQUENCE_GAP".to_owned());
    assert_eq!(reason(&call.status().await), wanted);
}

#[tokio::test]
async fn g5_g17_what_a_later_gateway_may_send_is_tolerated() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&replica).await, "c-1").await;
    let (_, listen) = call.question().await;
    let odd = [
        Some(Happened::PlaybackFinished(pb::PlaybackFinished {
            playback_id: 99,
            cause: 77,
            played_ms: 1,
        })),
        Some(Happened::DtmfReceived(pb::DtmfReceived {
            digit: "12".to_owned(),
            ..Default::default()
        })),
        Some(Happened::TransferFinished(pb::TransferFinished {
            transfer_id: 5,
            result: 1,
            sip_code: 0,
        })),
        Some(Happened::ActionFailed(pb::ActionFailed {
            action_id: 4_000,
            reason: 42,
        })),
        Some(offered("c-1")),
        None,
    ];
    for event in odd {
        call.seq += 1;
        let event = pb::CallEvent {
            seq: call.seq,
            offset_ms: u32::MAX,
            event,
        };
        call.events.send(event).await.expect("the stream lives");
    }
    // However a listen ended, it is over: nothing was understood, and she asks again.
    let ended = pb::ListenFinished {
        listen_id: listen,
        cause: 99,
        ..Default::default()
    };
    call.send(Happened::ListenFinished(ended)).await;
    let (question, listen) = call.question().await;
    assert_eq!(question, "open");
    call.say(listen, "нет интернета").await;
    assert_eq!(call.question().await.0, "confirm_home");
}

#[tokio::test]
async fn g6_g7_nothing_counts_after_the_end() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&replica).await, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да").await;
    let (_, listen) = call.question().await;
    call.send(ended()).await;
    call.say(listen, "да создайте").await;
    assert_eq!(call.status().await.code(), Code::Ok);
    assert_eq!(back_ends.tickets(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn g24_a_stream_without_a_message_is_ended() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut silent = Call::open(&channel).await;
    let wanted = (Code::DeadlineExceeded, "NO_FIRST_MESSAGE".to_owned());
    assert_eq!(reason(&silent.status().await), wanted);
    let mut idle = Call::offer(&channel, "c-1").await;
    idle.question().await;
    assert_eq!(
        reason(&idle.status().await),
        (Code::Unavailable, "IDLE".to_owned())
    );
}

/// As gRPC has it: who compresses is told at once what is understood instead.
#[tokio::test]
async fn a_gateway_that_compresses_is_refused_with_what_is_understood() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut client = CallGatewayClient::new(connect(&replica).await);
    for (encoding, code) in [("gzip", Code::Unimplemented), ("identity", Code::Ok)] {
        let mut request = tonic::Request::new(tokio_stream::empty());
        let encoding = encoding.parse().expect("a value");
        request.metadata_mut().insert("grpc-encoding", encoding);
        let answer = client.converse(request).await;
        let status = answer.err().unwrap_or_else(|| Status::ok(""));
        assert_eq!(status.code(), code, "{status:?}");
        let understood = status.metadata().get("grpc-accept-encoding");
        assert_eq!(
            understood.is_some_and(|understood| understood == "identity"),
            code != Code::Ok
        );
    }
}
