//! Gateways that start again, whose machine's clock jumps, whose calls have no end; and a call that
//! breaks something of ours. Each touches its own call only.

use std::sync::Arc;
use std::time::Duration;

use dana::call::{CallId, PhoneNumber};
use dana::time::CallTime;
use dana::token::{Envelope, Known};

use super::*;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Offers the call until the stream that it had before is found to be gone.
async fn offered_again(replica: &Replica, id: &str) -> Call {
    loop {
        let mut call = Call::offer(&connect(replica).await, id).await;
        match call.turn().await {
            Ok(_) => {
                call.send(Happened::CallAnswered(pb::CallAnswered {})).await;
                return call;
            }
            Err(status) => assert_eq!(reason(&status).1, "CALL_IS_LIVE"),
        }
    }
}

/// A gateway that starts again counts its calls from one again: the same id is another call, with
/// another ticket, and nothing that is left of the one before touches it.
#[tokio::test]
async fn g11_an_id_that_is_used_again_is_another_call() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let mut before = Call::offer(&connect(&replica).await, "c-1").await;
    before.answer("open", "нет интернета").await;
    before.answer("confirm_home", "да домашний").await;
    before.answer("confirm_ticket", "да создайте").await;
    assert_eq!(before.question().await.0, "anything_else");
    let (token, acked) = (before.token.clone(), before.seq);
    drop(before);

    let mut call = offered_again(&replica, "c-1").await;
    call.answer("open", "нет интернета").await;
    let mut stale = Call::resume(&connect(&replica).await, "c-1", &token, acked).await;
    let refused = (Code::PermissionDenied, "BAD_TOKEN".to_owned());
    assert_eq!(reason(&stale.status().await), refused);
    call.answer("confirm_home", "да домашний").await;
    call.answer("confirm_ticket", "да создайте").await;
    assert_eq!(call.question().await.0, "anything_else");
    let tickets = back_ends.tickets();
    assert_eq!(tickets.len(), 2, "{tickets:?}");
}

/// A live call's token, as another clock or another hour would have made it.
fn remade(token: &[u8], id: &str, change: impl FnOnce(&mut Envelope)) -> Vec<u8> {
    let (keys, call) = (keys(7), CallId::new(id).expect("an id"));
    let mut envelope = keys.open("gateway", &call, token).expect("our own token");
    change(&mut envelope);
    let mut known = Known::new(&envelope.offer, &envelope.bundle);
    known.learn(&envelope.context, |state| state.extend(&envelope.state));
    let mut sealer = keys.sealer("gateway", &call).expect("a key");
    let token = sealer.seal(&known, &envelope.progress, |_| {});
    token.expect("it is short")
}

/// A call that waits at the question whether it is about home internet: its newest token, the
/// events that this holds, and the listen's id.
async fn asked(replica: &Replica, id: &str) -> (Vec<u8>, u64, u32) {
    let mut call = Call::offer(&connect(replica).await, id).await;
    call.answer("open", "нет интернета").await;
    let (question, listen) = call.question().await;
    assert_eq!(question, "confirm_home");
    (call.token.clone(), call.seq - 1, listen)
}

/// The wall clock of our machine jumps by an hour under a call: what was offered then, was offered
/// an hour ago, or will be in an hour. Nothing of a call runs on it but the age of its token.
#[tokio::test]
async fn g23_a_clock_that_jumps_by_an_hour_changes_no_call() {
    let back_ends = BackEnds::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    for (id, jump) in [("back", HOUR_MS), ("on", -HOUR_MS + 60_000)] {
        let (token, acked, listen) = asked(&replica, id).await;
        let token = remade(&token, id, |envelope| {
            let offer = Arc::make_mut(&mut envelope.offer);
            offer.began = offer.began.plus_ms(jump);
        });
        let mut call = Call::resume(&connect(&replica).await, id, &token, acked).await;
        call.send(Happened::PlaybackFinished(pb::PlaybackFinished::default()))
            .await;
        call.say(listen, "да домашний").await;
        call.answer("confirm_ticket", "да создайте").await;
        assert_eq!(call.question().await.0, "anything_else", "{id}");
    }
    assert_eq!(back_ends.tickets().len(), 2);

    let (token, acked, _) = asked(&replica, "old").await;
    let token = remade(&token, "old", |envelope| {
        let offer = Arc::make_mut(&mut envelope.offer);
        offer.began = offer.began.plus_ms(-HOUR_MS - 1);
    });
    let mut call = Call::resume(&connect(&replica).await, "old", &token, acked).await;
    let refused = (Code::PermissionDenied, "BAD_TOKEN".to_owned());
    assert_eq!(reason(&call.status().await), refused, "older than any call");
}

/// A call that is a second short of an hour old.
async fn of_an_hour(replica: &Replica, id: &str) -> Call {
    let (token, acked, _) = asked(replica, id).await;
    let token = remade(&token, id, |envelope| {
        envelope.progress.at = CallTime::from_ms(60 * 60 * 1000 - 1_000);
    });
    let mut call = Call::resume(&connect(replica).await, id, &token, acked).await;
    assert!(call.turn().await.is_ok(), "it goes on");
    call
}

/// No call of ours takes an hour: one that does goes to an operator, whatever keeps it alive.
#[tokio::test(start_paused = true)]
async fn g25_a_call_without_end_goes_to_an_operator() {
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut call = of_an_hour(&replica, "c-1").await;
    assert_eq!(call.question().await.0, "transfer: internal_error");
    // The fallback's transfer has the last id.
    call.send(Happened::TransferFinished(pb::TransferFinished {
        transfer_id: u32::MAX,
        result: pb::transfer_finished::Result::Connected.into(),
        sip_code: 200,
    }))
    .await;
    call.send(Happened::CallEnded(pb::CallEnded {
        by: pb::call_ended::By::Operator.into(),
        sip_code: 0,
        q850_cause: 16,
    }))
    .await;
    assert_eq!(call.status().await.code(), Code::Ok);

    // One that ends just then has ended.
    let mut call = of_an_hour(&replica, "c-2").await;
    tokio::time::advance(Duration::from_millis(1_001)).await;
    call.send(ended()).await;
    assert_eq!(call.status().await.code(), Code::Ok);
}

/// Back ends whose answer about one caller is a fault of ours.
#[derive(Clone, Default)]
struct Faulty(BackEnds);

impl Network for Faulty {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let broken = PhoneNumber::parse("+77770000666");
        if let Lookup::Subscriber { number } = &lookup {
            assert!(Some(number) != broken.as_ref(), "a fault, on purpose");
        }
        self.0.look_up(lookup).await
    }

    async fn create_ticket(&self, order: TicketOrder, attempt: Attempt) -> TicketResult {
        self.0.create_ticket(order, attempt).await
    }
}

/// A panic in a look-up is that look-up's: its caller gets an operator, the others of the same
/// connection notice nothing.
#[tokio::test]
async fn p6_a_panic_in_one_call_ends_no_other_and_leaves_its_caller_to_an_operator() {
    let back_ends = Faulty::default();
    let replica = replica(&back_ends, 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut neighbour = Call::offer(&channel, "neighbour").await;
    neighbour.answer("open", "нет интернета").await;

    let mut call = Call::open(&channel).await;
    let Happened::CallOffered(offer) = offered("c-1") else {
        unreachable!("it is an offer")
    };
    let from = "+77770000666".to_owned();
    call.send(Happened::CallOffered(pb::CallOffered { from, ..offer }))
        .await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    assert_eq!(call.question().await.0, "transfer: check_unavailable");

    neighbour.answer("confirm_home", "да").await;
    neighbour.answer("confirm_ticket", "да создайте").await;
    assert_eq!(neighbour.question().await.0, "anything_else");
}
