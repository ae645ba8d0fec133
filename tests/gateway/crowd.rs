//! Many calls on one connection: what one of them does must not be felt by the others.

use super::*;

#[tokio::test]
async fn more_calls_than_there_is_room_for_are_refused_at_once_with_a_hint() {
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
async fn a_call_that_floods_is_ended_alone() {
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

/// A gateway that reads nothing of one call and floods it must not end the others: without the
/// small stream window, 2,500 unread events end the whole connection.
#[tokio::test]
async fn one_stalled_call_does_not_hurt_five_hundred_others() {
    const OTHERS: usize = 499;
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut others = Vec::new();
    for at in 0..OTHERS {
        let mut call = Call::offer(&channel, &format!("c-{at}")).await;
        assert_eq!(call.question().await.0, "open");
        others.push(call);
    }
    // The stalled one answers nothing and reads nothing; its queue fills, then its window.
    let mut stalled = Call::offer(&channel, "stalled").await;
    let text = "а".repeat(200);
    let mut sent = 0;
    for _ in 0..20_000 {
        stalled.seq += 1;
        let event = pb::DtmfReceived {
            digit: "5".to_owned(),
            duration_ms: 1,
            method: text.clone(),
        };
        let event = Some(Happened::DtmfReceived(event));
        let event = pb::CallEvent {
            seq: stalled.seq,
            offset_ms: 0,
            event,
        };
        match stalled.events.try_send(event) {
            Ok(()) => sent += 1,
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert!(sent >= 1_000, "only {sent} events left this side");
    for call in &mut others {
        call.say(1, "ещё здесь").await;
        assert!(call.turn().await.is_ok(), "a neighbour died");
    }
}
