//! An order on its call's way: recorded, sent, and what the caller may be told. Every step leaves the
//! store in a state from which the reconciler goes on, whenever the process dies.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::digest::name;
use crate::lookup::{
    Attempt, Finding, Lookup, Oss, Posted, Sought, TicketOrder, TicketResult, TicketsFinding,
};
use crate::store::{
    Confirmed, Intent, IntentState, Order, Payload, Recorded, Settled, Store, StoreError,
};
use crate::tickets::owner::{Wish, alarm};
use crate::tickets::{DURABLE, Inner, PROMPT};

/// Beyond the call's deadline, so that nobody else takes an order that is still being sent.
const MARGIN: Duration = Duration::from_secs(5);
/// Between two looks at another call's order.
const POLL: Duration = Duration::from_millis(100);
/// Between two looks at an order that somebody else holds, and between two tries of a ticket system
/// that did not take the request.
const RETRY: Duration = Duration::from_millis(500);
/// A `Retry-After` is believed within these.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));

/// How long to leave a ticket system alone that did not take a request.
pub(super) fn pause(retry_in: Option<Duration>) -> Duration {
    let (least, most) = RETRY_BOUNDS;
    retry_in.map_or(least, |asked| asked.clamp(least, most))
}

/// An order that this call holds, and until when.
struct Held<'a> {
    order: &'a Order,
    epoch: i64,
    until: Instant,
}

impl<S: Store, O: Oss> Inner<S, O> {
    pub(super) async fn create(&self, order: TicketOrder, attempt: Attempt) -> TicketResult {
        let until = Instant::now() + self.settings.within;
        let order = Order {
            payload: Payload::new(self.oss.render(&order)),
            key: order.key,
            login: order.login,
            contact: Some(order.contact),
        };
        let lease = self.settings.within + MARGIN;
        let first = attempt == Attempt::First;
        let recorded = timeout(DURABLE, self.record(&order, first, lease)).await;
        let (claimed, recorded) = match recorded.unwrap_or_else(|_| Err(late())) {
            Ok(recorded) => recorded,
            Err(error) => {
                // It may be recorded all the same. Nobody is told that it is: never send it.
                tracing::error!(order = name(&order.key), %error, "an order could not be recorded");
                self.wish(&order.key, Wish::Operator);
                return TicketResult::Unavailable;
            }
        };
        match recorded {
            Recorded::New { epoch } => {
                let held = Held {
                    order: &order,
                    epoch,
                    until,
                };
                if claimed {
                    // An operator has the line's other order, or it has only just been settled.
                    let note = "the line had an order that was not settled";
                    self.settle(&held, IntentState::Rejected, Duration::ZERO, note)
                        .await;
                    TicketResult::Unavailable
                } else if first && self.is_there(&held).await {
                    self.settle(&held, IntentState::AlreadyOpen, Duration::ZERO, "")
                        .await;
                    TicketResult::AlreadyOpen
                } else if first {
                    self.send(&held).await
                } else {
                    // The store knows nothing of it, the call does: a store was lost or changed.
                    self.look(&held, attempt == Attempt::Resumed).await
                }
            }
            Recorded::Known(intent) if intent.order.login != order.login => {
                self.of_another_line(&intent).await
            }
            Recorded::Known(intent) if intent.state == IntentState::HandedOver => {
                // A call that asks for it has no operator: the turn that handed it over was never received.
                let from = [IntentState::HandedOver];
                let back = self.store.pass(&order.key, &from, IntentState::Unknown);
                let intent = back.await.ok().flatten().unwrap_or(*intent);
                self.go_on(intent, until).await
            }
            Recorded::Known(intent) => self.go_on(*intent, until).await,
            Recorded::Busy(other) => self.other(*other, until).await,
        }
    }

    /// Records an order; and whether, before the first time, one of its line was not settled, whoever has it.
    async fn record(
        &self,
        order: &Order,
        first: bool,
        lease: Duration,
    ) -> Result<(bool, Recorded), StoreError> {
        let claimed = first && self.store.has_unsettled(&order.login).await == Ok(true);
        Ok((claimed, self.store.record(order, lease).await?))
    }

    /// Whether the line has an open ticket by now: another call may have ordered it while this one talked.
    async fn is_there(&self, held: &Held<'_>) -> bool {
        let login = held.order.login.clone();
        let asked = self.oss.look_up(Lookup::Tickets { login });
        let found = timeout(left(held.until) / 4, asked).await;
        matches!(found, Ok(Finding::Tickets(TicketsFinding::Open(_))))
    }

    /// The call went on from a state of before its order, and came to another line. A call has one key: the
    /// order that it had is from now on the operator's, who is told of the line that was chosen.
    async fn of_another_line(&self, known: &Intent) -> TicketResult {
        let key = &known.order.key;
        tracing::error!(
            order = name(key),
            "an order of the same call is for another line"
        );
        if ended(known).is_none() {
            self.wish(key, Wish::Operator);
            self.say_now(key).await;
        }
        TicketResult::Unavailable
    }

    /// Sends what the store holds as `sending`.
    async fn send(&self, held: &Held<'_>) -> TicketResult {
        let Held {
            order,
            epoch,
            until,
        } = *held;
        let Some(body) = order.payload.intact() else {
            return self.damaged(order, epoch).await;
        };
        // Half of the time, so that a look or a repeat still fits.
        let mut share = left(until) / 2;
        let mut may_repeat = self.settings.safe_repost;
        loop {
            let posted = self.oss.post_ticket(&order.key, &order.login, body, share);
            match posted.await {
                Posted::Created(id) => return self.confirm(&order.key, id).await,
                Posted::AlreadyOpen => {
                    self.settle(held, IntentState::AlreadyOpen, Duration::ZERO, "")
                        .await;
                    return TicketResult::AlreadyOpen;
                }
                Posted::Refused => {
                    let note = "the ticket system refused it";
                    self.settle(held, IntentState::Rejected, Duration::ZERO, note)
                        .await;
                    return TicketResult::Refused;
                }
                Posted::NotTaken { retry_in } => {
                    let wait = retry_in.map_or(RETRY, |_| pause(retry_in));
                    if wait + RETRY > left(until) {
                        let note = "the ticket system takes no requests";
                        self.settle(held, IntentState::Pending, pause(retry_in), note)
                            .await;
                        return TicketResult::Unconfirmed;
                    }
                    sleep(wait).await;
                    share = left(until);
                }
                Posted::Unclear if may_repeat => {
                    may_repeat = false;
                    share = left(until);
                }
                Posted::Unclear => return self.look(held, false).await,
            }
        }
    }

    /// Looks for what may have been sent; sends only if that is safe and there surely is none.
    async fn look(&self, held: &Held<'_>, may_send: bool) -> TicketResult {
        let Held { order, until, .. } = *held;
        let sought = self
            .oss
            .find_ticket(&order.key, &order.login, left(until))
            .await;
        match sought {
            Sought::One(id) => return self.confirm(&order.key, id).await,
            Sought::Several(ids) => {
                self.several(&order.key, ids).await;
                return TicketResult::Unconfirmed;
            }
            Sought::None if may_send && left(until) > RETRY => {
                return Box::pin(self.send(held)).await;
            }
            Sought::None | Sought::Unclear => {}
        }
        let note = "sent, and not confirmed";
        self.settle(held, IntentState::Unknown, self.settings.quiet, note)
            .await;
        TicketResult::Unconfirmed
    }

    /// An order that was recorded before: by this call before it was resumed, or beside us.
    async fn go_on(&self, mut intent: Intent, until: Instant) -> TicketResult {
        loop {
            if let Some(result) = ended(&intent) {
                return result;
            }
            let (key, login) = (intent.order.key.clone(), &intent.order.login);
            let lease = self.settings.within + MARGIN;
            if let Ok(Some(held)) = self.store.lease(&key, lease).await {
                return self.take_up(&held, until).await;
            }
            // Whoever holds it may be dead, and its ticket exist: a fact, which needs no lease.
            if let Sought::One(id) = self.oss.find_ticket(&key, login, left(until)).await {
                return self.confirm(&key, id).await;
            }
            if left(until) <= RETRY {
                return TicketResult::Unconfirmed;
            }
            sleep(RETRY).await;
            if let Ok(Some(newer)) = self.store.intent(&key).await {
                intent = newer;
            }
        }
    }

    async fn take_up(&self, intent: &Intent, until: Instant) -> TicketResult {
        let held = Held {
            order: &intent.order,
            epoch: intent.epoch,
            until,
        };
        if intent.order.payload.intact().is_none() {
            return self.damaged(&intent.order, intent.epoch).await;
        }
        if intent.state != IntentState::Pending {
            return self.look(&held, self.settings.safe_repost).await;
        }
        // Never taken by the ticket system: no look is needed.
        let sending = self.settle(&held, IntentState::Sending, Duration::ZERO, "");
        if sending.await {
            self.send(&held).await
        } else {
            TicketResult::Unconfirmed
        }
    }

    /// Another call's order for the same login is open. Ours was not recorded and is not sent; if the
    /// other becomes a ticket, that is the caller's too.
    async fn other(&self, mut other: Intent, until: Instant) -> TicketResult {
        while left(until) > POLL {
            match ended(&other) {
                Some(TicketResult::Created { .. } | TicketResult::AlreadyOpen) => {
                    return TicketResult::AlreadyOpen;
                }
                Some(_) => break,
                None => sleep(POLL).await,
            }
            if let Ok(Some(newer)) = self.store.intent(&other.order.key).await {
                other = newer;
            }
        }
        TicketResult::Unavailable
    }

    /// The ticket exists. The caller may hear it as soon as no other order has the same one.
    async fn confirm(&self, key: &str, id: String) -> TicketResult {
        let Ok(Ok(confirmed)) = timeout(PROMPT, self.store.confirm(key, &id)).await else {
            self.wish(key, Wish::Ticket(id.clone()));
            return TicketResult::Created { id };
        };
        alarm(key, confirmed);
        match confirmed {
            Confirmed::Done | Confirmed::Nobody => TicketResult::Created { id },
            // Left in its lease: the reconciler looks by the key.
            Confirmed::Second | Confirmed::Foreign => TicketResult::Unconfirmed,
        }
    }

    /// More than one ticket has the key: the oldest is kept, an operator looks at the others.
    pub(super) async fn several(&self, key: &str, ids: Vec<String>) {
        tracing::error!(
            order = name(key),
            tickets = ids.len(),
            "one order has several tickets"
        );
        for id in ids {
            if let Err(error) = self.store.confirm(key, &id).await {
                tracing::warn!(order = name(key), %error, "a duplicate is not recorded yet");
            }
        }
    }

    pub(super) async fn damaged(&self, order: &Order, epoch: i64) -> TicketResult {
        tracing::error!(
            order = name(&order.key),
            "the frozen request of an order is damaged"
        );
        let settled = Settled {
            state: IntentState::Parked,
            next_in: Duration::ZERO,
            note: "its frozen request is damaged",
        };
        // If even that fails, the next who takes it up finds the same.
        let _ = self.store.settle(&order.key, epoch, settled).await;
        TicketResult::Unavailable
    }

    /// Writes a result; `false` if somebody else holds the order by now or the store is away: the
    /// lease runs out, and the reconciler looks.
    async fn settle(
        &self,
        held: &Held<'_>,
        state: IntentState,
        next_in: Duration,
        note: &'static str,
    ) -> bool {
        let settled = Settled {
            state,
            next_in,
            note,
        };
        let written = self.store.settle(&held.order.key, held.epoch, settled);
        timeout(PROMPT, written)
            .await
            .is_ok_and(|written| written == Ok(true))
    }
}

/// What an order that has ended means for its call.
fn ended(intent: &Intent) -> Option<TicketResult> {
    match intent.state {
        IntentState::Pending | IntentState::Sending | IntentState::Unknown => None,
        IntentState::Done => Some(TicketResult::Created {
            id: intent.ticket.clone().unwrap_or_default(),
        }),
        IntentState::AlreadyOpen => Some(TicketResult::AlreadyOpen),
        IntentState::Rejected => Some(TicketResult::Refused),
        IntentState::HandedOver | IntentState::Duplicate | IntentState::Parked => {
            Some(TicketResult::Unconfirmed)
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn late() -> StoreError {
    StoreError::Away("no answer in time".to_owned())
}
