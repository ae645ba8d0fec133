//! The reconciler: brings every unsettled order to its end. Looks first; sends again only what no
//! operator owns, after the quiet window, when there surely is no ticket for the key and no open one
//! for the login. One replica does it at a time; each step is fenced, so that two would do no harm.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use crate::digest::name;
use crate::lookup::{Finding, Lookup, Oss, Posted, Sought, TicketsFinding};
use crate::store::ms;
use crate::store::{Confirmed, Intent, IntentState, Settled, Store, StoreError};
use crate::tickets::order::pause;
use crate::tickets::owner::alarm;
use crate::tickets::{Desk, Inner};

/// Between two looks for what is due.
const EVERY: Duration = Duration::from_secs(1);
/// The office, and for how long it is held without a word.
const OFFICE: &str = "tickets";
const TERM: Duration = Duration::from_secs(30);
/// Orders taken up in one go; the office is kept between two goes.
const BATCH: u32 = 20;
/// One look at the back end, and one request.
const LOOK: Duration = Duration::from_secs(5);
const SEND: Duration = Duration::from_secs(20);
/// A lease longer than all steps of one order.
const LEASE: Duration = Duration::from_mins(1);
/// Pauses between looks that lead nowhere, doubled each time: ours, and an operator's.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_mins(10);
const OPERATORS_PAUSE: Duration = Duration::from_mins(10);

/// What became of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// Its key.
    pub key: String,
    /// Where it stands now.
    pub state: IntentState,
    /// Whether it was sent.
    pub sent: bool,
}

impl<S: Store, O: Oss> Desk<S, O> {
    /// Works until `stop`, as `holder`: unique among replicas.
    pub async fn work(&self, holder: String, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = sleep(EVERY) => {}
            }
            self.inner.say_wishes().await;
            if self.inner.store.hold(OFFICE, &holder, TERM).await == Ok(true) {
                // A step that is under way is not torn off by `stop`: it is short.
                if let Err(error) = self.reconcile().await {
                    tracing::warn!(%error, "the reconciler pauses");
                }
            }
        }
    }

    /// Takes up a batch of what is due.
    pub async fn reconcile(&self) -> Result<Vec<Reconciled>, StoreError> {
        let mut done = Vec::new();
        for key in self.inner.store.due(BATCH).await? {
            if let Some(held) = self.inner.store.lease(&key, LEASE).await? {
                let sent = self.inner.step(&held).await?;
                let state = self.inner.store.intent(&key).await?.map(|now| now.state);
                if sent {
                    let rate = self.inner.settings.backlog_per_second.max(1);
                    sleep(Duration::from_secs(1) / rate).await;
                }
                done.push(Reconciled {
                    key,
                    state: state.unwrap_or(held.state),
                    sent,
                });
            }
        }
        Ok(done)
    }
}

/// What is to be done about an order.
enum Verdict {
    /// These tickets have its key.
    Found(Vec<String>),
    /// It is to be sent.
    Send,
    /// It stands so, and is looked at again after a while.
    Stands(IntentState, Duration, &'static str),
}

const ANOTHER: Verdict = Verdict::Stands(
    IntentState::AlreadyOpen,
    Duration::ZERO,
    "an open ticket of another channel stands for it",
);

impl<S: Store, O: Oss> Inner<S, O> {
    /// One order that we hold; whether it was sent.
    async fn step(&self, held: &Intent) -> Result<bool, StoreError> {
        let key = &held.order.key;
        // Nobody is asked about an order whose line may not be its own.
        let Some(body) = held.order.payload.intact() else {
            self.damaged(&held.order, held.epoch).await;
            return Ok(false);
        };
        let mut verdict = self.judge(held).await;
        let mut sent = false;
        if let Verdict::Send = verdict {
            // Committed before the request; not taken if anybody has the order by now.
            if !self
                .put(held, IntentState::Sending, Duration::ZERO, "")
                .await?
            {
                return Ok(false);
            }
            sent = true;
            let posted = self.oss.post_ticket(key, &held.order.login, body, SEND);
            verdict = self.after(held, posted.await);
        }
        match verdict {
            Verdict::Found(ids) => {
                // What an operator owns stays his.
                let owner = if held.state == IntentState::HandedOver {
                    IntentState::HandedOver
                } else {
                    IntentState::Unknown
                };
                for id in &ids {
                    let confirmed = self.store.confirm(key, id).await?;
                    alarm(key, confirmed);
                    if confirmed == Confirmed::Foreign {
                        let note = "the ticket system names another order's ticket";
                        self.put(held, owner, LAST_PAUSE, note).await?;
                    }
                }
            }
            Verdict::Stands(state, wait, note) => {
                if state == IntentState::Parked {
                    tracing::error!(
                        order = name(key),
                        note,
                        "an order came to no end: for an operator"
                    );
                }
                self.put(held, state, wait, note).await?;
            }
            Verdict::Send => {}
        }
        Ok(sent)
    }

    /// Looks, and decides. "Not found" is evidence only after the quiet window; an operator may
    /// have made a ticket of his own for the login.
    async fn judge(&self, held: &Intent) -> Verdict {
        let (key, login) = (&held.order.key, held.order.login.clone());
        let owned = held.state == IntentState::HandedOver;
        // What is being sent by nobody any more, is unknown.
        let stays = if held.state == IntentState::Sending {
            IntentState::Unknown
        } else {
            held.state
        };
        let again = backoff(held.looks).max(if owned {
            OPERATORS_PAUSE
        } else {
            Duration::ZERO
        });
        let unclear = Verdict::Stands(stays, again, "the ticket system cannot be asked");
        match self.oss.find_ticket(key, &login, LOOK).await {
            Sought::One(id) => return Verdict::Found(vec![id]),
            Sought::Several(ids) => return Verdict::Found(ids),
            Sought::Unclear => return unclear,
            Sought::None => {}
        }
        let quiet = held.sent_at.saturating_add(ms(self.settings.quiet)) - held.read_at;
        if held.read_at - held.created_at > ms(self.settings.park_after) {
            return Verdict::Stands(
                IntentState::Parked,
                Duration::ZERO,
                "no end was found in time",
            );
        }
        if quiet > 0 && stays == IntentState::Unknown {
            let wait = Duration::from_millis(u64::try_from(quiet).unwrap_or(0));
            return Verdict::Stands(stays, wait, "sent, and not found yet");
        }
        let Finding::Tickets(open) = self.oss.look_up(Lookup::Tickets { login }).await else {
            return unclear;
        };
        match open {
            TicketsFinding::None if owned => Verdict::Stands(
                stays,
                again,
                "an operator has it, and there is no ticket yet",
            ),
            TicketsFinding::None => Verdict::Send,
            TicketsFinding::Open(_) => ANOTHER,
            TicketsFinding::Unavailable => unclear,
        }
    }

    /// What an answer to the request leads to.
    fn after(&self, held: &Intent, posted: Posted) -> Verdict {
        match posted {
            Posted::Created(id) => Verdict::Found(vec![id]),
            Posted::AlreadyOpen => ANOTHER,
            Posted::Refused => {
                let note = "the ticket system refused it";
                Verdict::Stands(IntentState::Rejected, Duration::ZERO, note)
            }
            Posted::NotTaken { retry_in } => {
                let wait = pause(retry_in).max(backoff(held.looks));
                Verdict::Stands(
                    IntentState::Pending,
                    wait,
                    "the ticket system takes no requests",
                )
            }
            Posted::Unclear => {
                let quiet = self.settings.quiet;
                Verdict::Stands(IntentState::Unknown, quiet, "sent, and not confirmed")
            }
        }
    }

    async fn put(
        &self,
        held: &Intent,
        state: IntentState,
        next_in: Duration,
        note: &'static str,
    ) -> Result<bool, StoreError> {
        let settled = Settled {
            state,
            next_in,
            note,
        };
        self.store
            .settle(&held.order.key, held.epoch, settled)
            .await
    }
}

/// Doubled with each look that led nowhere.
fn backoff(looks: i64) -> Duration {
    let doublings = u32::try_from(looks.clamp(0, 10)).unwrap_or(0);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LAST_PAUSE)
}
