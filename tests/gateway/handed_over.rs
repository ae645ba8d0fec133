//! An unconfirmed order belongs to the operator while a transfer carries its caller to him, and to nobody
//! else; when no operator takes the caller, it comes back.

use std::sync::Mutex;
use std::time::Duration;

use dana::lookup::Network;

use super::*;

/// Whose the order is, as the network is told: `operator`, `us`.
#[derive(Clone, Default)]
struct Owner {
    told: Arc<Mutex<Vec<&'static str>>>,
    /// Calls whose end is on record.
    over: bool,
    /// The first who asks for that waits until he is told.
    waits: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl Owner {
    fn told(&self) -> Vec<&'static str> {
        self.told.lock().expect("no test panics with it").clone()
    }

    fn tell(&self, whose: &'static str) {
        let mut told = self.told.lock().expect("no test panics with it");
        told.push(whose);
    }
}

impl Network for Owner {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        BackEnds::default().look_up(lookup).await
    }

    async fn create_ticket(&self, _: TicketOrder, _: Attempt) -> TicketResult {
        TicketResult::Unconfirmed
    }

    async fn hand_over(&self, _: String) {
        self.tell("operator");
    }

    fn take_back(&self, _: String) {
        self.tell("us");
    }

    async fn is_over(&self, _: Arc<str>) -> bool {
        let waits = self.waits.lock().expect("no test panics with it").take();
        if let Some(waits) = waits {
            let _ = waits.await;
        }
        self.over
    }
}

/// A call whose transfer rings, with an order that nobody confirmed; and the transfer's id.
async fn ringing(channel: &Channel, id: &str) -> (Call, u32) {
    let mut call = Call::offer(channel, id).await;
    call.answer("open", "нет интернета").await;
    call.answer("confirm_home", "да домашний").await;
    call.answer("confirm_ticket", "да создайте").await;
    let (told, transfer) = call.question().await;
    assert_eq!(told, "transfer: ticket_status_unknown");
    call.caught_up().await;
    (call, transfer)
}

fn finished(transfer_id: u32, result: pb::transfer_finished::Result) -> Happened {
    Happened::TransferFinished(pb::TransferFinished {
        transfer_id,
        result: result.into(),
        sip_code: 0,
    })
}

fn ended_by(by: pb::call_ended::By) -> Happened {
    Happened::CallEnded(pb::CallEnded {
        by: by.into(),
        sip_code: 0,
        q850_cause: 16,
    })
}

/// What becomes of the transfer, in a word or two, and whether the order comes back.
const CASES: [(&str, bool); 9] = [
    ("the call ends with it", true),
    ("busy", true),
    ("it cannot be made", true),
    ("the caller ends", true),
    ("the network ends", true),
    ("the operator ends", false),
    ("connected", false),
    ("connected, then failed", false),
    ("another one is busy, then connected", false),
];

fn happens(case: &str, id: u32) -> Vec<Happened> {
    use pb::call_ended::By;
    use pb::transfer_finished::Result::{Busy, CallEnded, Connected, Failed};
    match case {
        "the call ends with it" => vec![finished(id, CallEnded)],
        "busy" => vec![finished(id, Busy)],
        "it cannot be made" => vec![Happened::ActionFailed(pb::ActionFailed {
            action_id: id,
            reason: pb::action_failed::Reason::MediaUnavailable.into(),
        })],
        "the caller ends" => vec![ended_by(By::Caller)],
        "the network ends" => vec![ended_by(By::Network)],
        "the operator ends" => vec![ended_by(By::Operator)],
        "connected" => vec![finished(id, Connected)],
        "connected, then failed" => vec![finished(id, Connected), finished(id, Failed)],
        _ => vec![finished(id + 900, Busy), finished(id, Connected)],
    }
}

#[tokio::test]
async fn an_order_comes_back_when_no_operator_takes_the_caller_and_only_then() {
    for ((case, comes_back), resumed) in CASES
        .into_iter()
        .flat_map(|case| [(case, false), (case, true)])
    {
        let owner = Owner::default();
        let replica = replica(&owner, 7, Settings::default()).await;
        let channel = connect(&replica).await;
        let (mut call, transfer) = ringing(&channel, "c-1").await;
        if resumed {
            call = call.go_on(&channel, "c-1").await;
        }
        for event in happens(case, transfer) {
            call.send(event).await;
        }
        // Whatever becomes of the call, all of it was taken.
        let seq = call.seq;
        while call
            .turn()
            .await
            .is_ok_and(|turn| turn.acked_event_seq < seq)
        {}
        let wanted: &[&str] = if comes_back {
            &["operator", "us"]
        } else {
            &["operator"]
        };
        assert_eq!(owner.told(), wanted, "{case}, resumed: {resumed}");
    }
}

/// A gateway that says nothing of a transfer: Dana takes it as lost.
#[tokio::test(start_paused = true)]
async fn an_order_comes_back_when_its_transfer_is_lost() {
    let owner = Owner::default();
    let replica = replica(&owner, 7, Settings::default()).await;
    let (mut call, _) = ringing(&connect(&replica).await, "c-1").await;
    tokio::time::advance(Duration::from_secs(20)).await;
    call.send(Happened::SpeechStarted(pb::SpeechStarted {}))
        .await;
    call.caught_up().await;
    while !call.question().await.0.starts_with("hang up") {}
    assert_eq!(owner.told(), ["operator", "us"]);
}

/// Some replica has recorded its end, and this one never heard of it.
#[tokio::test]
async fn a_call_whose_end_is_on_record_does_not_go_on_anywhere() {
    let replicas = [false, true].map(|over| Owner {
        over,
        ..Owner::default()
    });
    let first = replica(&replicas[0], 7, Settings::default()).await;
    let mut call = Call::offer(&connect(&first).await, "c-1").await;
    call.question().await;
    call.caught_up().await;
    let second = replica(&replicas[1], 7, Settings::default()).await;
    let mut again = call.go_on(&connect(&second).await, "c-1").await;
    let wanted = (Code::PermissionDenied, "BAD_TOKEN".to_owned());
    assert_eq!(reason(&again.status().await), wanted);
}

/// It says that it kept an event, and never sends it.
#[tokio::test(start_paused = true)]
async fn what_a_gateway_owes_is_not_waited_for_for_ever() {
    let replica = replica(&Owner::default(), 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.question().await;
    call.caught_up().await;
    call.seq += 1;
    let mut again = call.go_on(&channel, "c-1").await;
    again.seq -= 1;
    let (question, _) = again.question().await;
    assert_eq!(question, "open", "she takes silence as silence");
}

/// A stream broke while its resume waited for the store; the next one was served meanwhile.
#[tokio::test]
async fn of_two_streams_that_resume_a_call_the_later_one_has_it() {
    let owner = Owner::default();
    let replica = replica(&owner, 7, Settings::default()).await;
    let channel = connect(&replica).await;
    let mut call = Call::offer(&channel, "c-1").await;
    call.question().await;
    call.caught_up().await;
    let (answer, waits) = oneshot::channel();
    *owner.waits.lock().expect("no test panics with it") = Some(waits);
    let (token, seq) = (call.token.clone(), call.seq);
    let mut older = Call::resume(&channel, "c-1", &token, seq).await;
    while owner
        .waits
        .lock()
        .expect("no test panics with it")
        .is_some()
    {
        tokio::task::yield_now().await;
    }
    let mut newer = Call::resume(&channel, "c-1", &token, seq).await;
    newer.turn().await.expect("it goes on");
    let wanted = (Code::Aborted, "RESUMED_ELSEWHERE".to_owned());
    assert_eq!(reason(&older.status().await), wanted);
    drop(answer);
    newer
        .send(Happened::SpeechStarted(pb::SpeechStarted {}))
        .await;
    newer.caught_up().await;
}
