//! Many calls on one connection: what one of them does must not be felt by the others.

use bytes::Bytes;
use http::Request;
use prost::Message;

use dana::gateway::converse::Converse;

use super::*;

#[tokio::test]
async fn g19_more_calls_than_there_is_room_for_are_refused_at_once_with_a_hint() {
    let settings = Settings {
        max_calls: 2,
        ..Settings::default()
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let channel = connect(&replica).await;
    let mut calls = Vec::new();
    for id in ["c-1", "c-2"] {
        let mut call = Call::offer(&channel, id).await;
        call.question().await;
        calls.push(call);
    }
    let mut third = Call::offer(&channel, "c-3").await;
    let status = third.status().await;
    assert_eq!(
        reason(&status),
        (Code::ResourceExhausted, "TOO_MANY_CALLS".to_owned())
    );
    assert!(status.get_error_details().retry_info().is_some());
    calls[0].send(ended()).await;
    assert_eq!(calls[0].status().await.code(), Code::Ok);
    let mut next = Call::offer(&channel, "c-4").await;
    assert_eq!(next.question().await.0, "open");
}

#[tokio::test]
async fn g18_a_call_that_floods_is_ended_alone() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut neighbour = Call::offer(&channel, "neighbour").await;
    let mut flood = Call::offer(&channel, "flood").await;
    let events = flood.events.clone();
    let sender = tokio::spawn(async move {
        for seq in 2..3_000 {
            let event = Some(Happened::SpeechStarted(pb::SpeechStarted {}));
            let event = pb::CallEvent {
                seq,
                offset_ms: 0,
                event,
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
    let status = flood.status().await;
    sender.await.expect("no panic");
    assert_eq!(
        reason(&status),
        (Code::ResourceExhausted, "TOO_MANY_EVENTS".to_owned())
    );
    assert_eq!(neighbour.question().await.0, "open");
}

/// One call over raw HTTP/2: each event in a DATA frame of its own, as a gateway sends them.
struct RawCall {
    events: h2::SendStream<Bytes>,
    turns: h2::client::ResponseFuture,
    seq: u64,
}

impl RawCall {
    async fn offer(client: &h2::client::SendRequest<Bytes>, target: &str, id: &str) -> Self {
        let request = Request::post(format!("{target}/dana.gateway.v1.CallGateway/Converse"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        let mut client = client.clone().ready().await.expect("the connection lives");
        let (turns, events) = client.send_request(request, false).expect("a stream");
        let mut call = Self {
            events,
            turns,
            seq: 0,
        };
        call.send(offered(id));
        call
    }

    fn send(&mut self, event: Happened) -> bool {
        self.seq += 1;
        let event = pb::CallEvent {
            seq: self.seq,
            offset_ms: 0,
            event: Some(event),
        };
        let message = event.encode_to_vec();
        let length = u32::try_from(message.len()).expect("short");
        let frame = [&[0][..], &length.to_be_bytes(), &message].concat();
        self.events.send_data(frame.into(), false).is_ok()
    }
}

/// A gateway that reads nothing of one call and floods it must not end the others: with HTTP/2's
/// usual windows, some 2,500 small events that nobody takes end the whole connection.
#[tokio::test]
async fn g13_g14_one_stalled_call_does_not_hurt_four_hundred_and_ninety_nine_others() {
    const OTHERS: usize = 499;
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let at = replica.target.trim_start_matches("http://");
    let tcp = tokio::net::TcpStream::connect(at)
        .await
        .expect("it listens");
    // A small window of the gateway's: turns that it does not read stop the service's writing.
    let mut builder = h2::client::Builder::new();
    builder.initial_connection_window_size(64 * 1024 * 1024);
    builder
        .initial_window_size(4 * 1024)
        .max_send_buffer_size(16 * 1024 * 1024);
    let (client, connection) = builder.handshake(tcp).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut others = Vec::new();
    for at in 0..OTHERS {
        others.push(RawCall::offer(&client, &replica.target, &format!("c-{at}")).await);
    }
    let mut stalled = RawCall::offer(&client, &replica.target, "stalled").await;
    for _ in 0..20_000 {
        if !stalled.send(Happened::SpeechStarted(pb::SpeechStarted {})) {
            break;
        }
    }
    for call in &mut others {
        assert!(
            call.send(Happened::CallAnswered(pb::CallAnswered {})),
            "a neighbour died"
        );
        let response = (&mut call.turns).await.expect("a neighbour died");
        let mut turns = response.into_body();
        // The answer, then the greeting.
        for _ in 0..2 {
            let turn = turns
                .data()
                .await
                .expect("a turn")
                .expect("a neighbour died");
            turns
                .flow_control()
                .release_capacity(turn.len())
                .expect("it was received");
        }
    }
    assert!(!connection.is_finished(), "the connection died");
}

/// One connection too many waits for its turn; it neither ends another nor makes the loop spin.
#[tokio::test]
async fn a_connection_too_many_is_served_when_another_has_gone() {
    let settings = Settings {
        max_connections: 1,
        ..Settings::default()
    };
    let replica = replica(&BackEnds::default(), 7, settings).await;
    let first = connect(&replica).await;
    let mut call = Call::offer(&first, "c-1").await;
    assert_eq!(call.question().await.0, "open");
    let endpoint = Channel::from_shared(replica.target.clone()).expect("an address");
    let second = tokio::spawn(async move {
        let channel = endpoint.connect().await.expect("the system takes it");
        Call::offer(&channel, "c-2").await.question().await.0
    });
    for _ in 0..20 {
        call.say(1, "ещё здесь").await;
        assert!(
            call.turn().await.is_ok(),
            "the first is served all the while"
        );
    }
    assert!(!second.is_finished(), "there is room for one");
    drop(call);
    drop(first);
    assert_eq!(second.await.expect("no panic"), "open");
}

/// A gateway's machine that is gone answers no ping: its connection is closed within 8 s.
#[tokio::test(start_paused = true)]
async fn g12_a_connection_that_answers_no_ping_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let at = replica.target.trim_start_matches("http://");
    let mut tcp = tokio::net::TcpStream::connect(at)
        .await
        .expect("it listens");
    // The preface and an empty SETTINGS frame, and nothing ever after.
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tcp.write_all(hello).await.expect("it is sent");
    let begin = tokio::time::Instant::now();
    let mut all = Vec::new();
    let closed = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        tcp.read_to_end(&mut all),
    );
    let _ = closed.await.expect("it is closed");
    assert!(
        begin.elapsed() <= std::time::Duration::from_secs(9),
        "after {:?}",
        begin.elapsed()
    );
}

/// The allocator's next size is 1,024 bytes, and there are 20,000 such calls.
#[test]
fn the_stream_of_an_open_call_fits_in_896_bytes() {
    let bytes = size_of::<Option<Converse<BackEnds>>>();
    assert!(bytes <= 896, "{bytes}");
}
