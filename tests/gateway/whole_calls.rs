//! Calls from offer to end, over one stream and over several, and what a drain leaves of them.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;

async fn to_the_end(call: &mut Call) {
    call.answer("confirm_ticket", "да создайте").await;
    call.answer("anything_else", "нет спасибо").await;
    assert_eq!(call.question().await.0, "hang up: ticket_created");
    call.send(ended()).await;
    assert_eq!(call.status().await.code(), Code::Ok);
}

#[tokio::test]
async fn a_fault_call_ends_in_one_ticket() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&replica).await, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    to_the_end(&mut call).await;
    assert_eq!(back_ends.tickets().len(), 1);
}

#[tokio::test]
async fn g8_a_call_goes_on_at_a_second_replica_and_orders_one_ticket() {
    let back_ends = BackEnds::default();
    let first = replica(&back_ends, 7, Settings::default()).await;
    let second = replica(&back_ends, 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&first).await, "c-1").await;
    call.answer("open", "нет интернета").await;
    let (question, listen) = call.question().await;
    assert_eq!(question, "confirm_home");
    let (token, acked) = (call.token.clone(), call.seq - 1);
    assert!(token.len() <= 768, "a token of {} bytes", token.len());
    drop(call);

    let mut call = Call::resume(&connect(&second).await, "c-1", &token, acked).await;
    call.send(Happened::PlaybackFinished(pb::PlaybackFinished::default()))
        .await;
    call.say(listen, "да домашний").await;
    to_the_end(&mut call).await;
    let attempts: Vec<Attempt> = back_ends.attempts();
    assert_eq!(
        attempts,
        [Attempt::Resumed],
        "the first stream may have sent it"
    );
}

#[tokio::test]
async fn an_answer_that_was_never_acknowledged_is_sent_again_and_counts_once() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    let (question, listen) = call.question().await;
    assert_eq!(question, "confirm_ticket");
    let token = call.token.clone();
    let acked = call.seq - 2;
    call.say(listen, "да создайте").await;
    assert_eq!(call.question().await.0, "anything_else");

    let mut again = Call::resume(&channel, "c-1", &token, acked).await;
    let aborted = call.status().await;
    assert_eq!(
        reason(&aborted),
        (Code::Aborted, "RESUMED_ELSEWHERE".to_owned())
    );
    for _ in 0..2 {
        again
            .send(Happened::PlaybackFinished(pb::PlaybackFinished::default()))
            .await;
    }
    again.say(listen, "да создайте").await;
    assert_eq!(again.question().await.0, "anything_else");
    assert_eq!(
        back_ends.tickets().len(),
        1,
        "one key, however often it is sent"
    );
}

#[tokio::test]
async fn g9_x5_tokens_that_are_not_of_this_call_open_nothing() {
    let back_ends = BackEnds::default();
    let ours = replica(&back_ends, 7, Settings::default()).await;
    let theirs = replica(&back_ends, 8, Settings::default()).await;
    let channel = connect(&ours).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.question().await;
    let token = call.token.clone();
    let mut forged = token.clone();
    forged[40] ^= 1;
    let bad = (Code::PermissionDenied, "BAD_TOKEN".to_owned());
    let cases = [
        ("c-1", forged.as_slice(), &channel),
        ("c-2", token.as_slice(), &channel),
        ("c-1", &token[..10], &channel),
        ("c-1", b"", &channel),
        ("c-1", token.as_slice(), &connect(&theirs).await),
    ];
    for (id, token, channel) in cases {
        let mut resumed = Call::resume(channel, id, token, 0).await;
        assert_eq!(reason(&resumed.status().await), bad, "{id}");
    }
    call.send(ended()).await;
    assert_eq!(
        call.status().await.code(),
        Code::Ok,
        "the live call was not touched"
    );
    let mut closed = Call::resume(&channel, "c-1", &token, 0).await;
    assert_eq!(reason(&closed.status().await), bad, "the call is over");
}

#[tokio::test]
async fn g28_p4_a_drain_ends_every_stream_so_that_calls_go_on_elsewhere() {
    let back_ends = BackEnds::default();
    let old = replica(&back_ends, 7, Settings::default()).await;
    let new = replica(&back_ends, 7, Settings::default()).await;
    let channel = connect(&old).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.answer("open", "нет интернета").await;
    let (_, listen) = call.question().await;
    let (token, acked) = (call.token.clone(), call.seq - 1);
    let check = HealthCheckRequest {
        service: String::new(),
    };
    let mut health = HealthClient::new(channel.clone());
    let healthy = health.check(check).await.expect("an answer").into_inner();
    assert_eq!(healthy.status(), ServingStatus::Serving);

    old.stop.send(()).expect("it runs");
    let status = call.status().await;
    assert_eq!(reason(&status), (Code::Unavailable, "DRAINING".to_owned()));
    let drained = tokio::time::timeout(std::time::Duration::from_secs(6), old.served);
    drained
        .await
        .expect("within five seconds")
        .expect("no panic");

    let mut call = Call::resume(&connect(&new).await, "c-1", &token, acked).await;
    call.send(Happened::PlaybackFinished(pb::PlaybackFinished::default()))
        .await;
    call.say(listen, "да домашний").await;
    to_the_end(&mut call).await;
    assert_eq!(back_ends.tickets().len(), 1);
}

#[tokio::test]
async fn g7_a_caller_who_hangs_up_while_his_ticket_is_on_its_way_still_gets_it() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&replica).await, "c-1").await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    call.answer("confirm_ticket", "да создайте").await;
    call.send(ended()).await;
    assert_eq!(call.status().await.code(), Code::Ok);
    let sent = async {
        while back_ends.tickets().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), sent)
        .await
        .expect("it was ordered");
}
