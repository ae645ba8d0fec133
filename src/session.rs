//! One live call: gateway events, wake-ups and findings into the dialog, its turns out. The only
//! clock of a call. Knows nothing of gRPC; never awaits a back end: it is polled.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::bundle::Bundle;
use crate::dialog::action::{Action, TicketState, TransferContext, Turn};
use crate::dialog::event::{EndedBy, Event, Offer};
use crate::dialog::{Dialog, Reached};
use crate::fallback::Mind;
use crate::journal::Header;
use crate::journal::recorder::{CallRecorder, Recorder};
use crate::lookup::{Attempt, Finding, Network, TicketResult};
use crate::time::CallTime;
use crate::token::{Envelope, Known, Progress, Sealer};

/// A call longer than this goes to an operator: no dialog of ours needs it.
const MAX_CALL: CallTime = CallTime::from_ms(60 * 60 * 1000);
/// Events a second that a call may send for long, and at once (a resume sends up to 256 again).
const EVENTS_PER_SECOND: u32 = 100;
const EVENTS_AT_ONCE: u32 = 400;
/// After a reconnect the gateway's clock may be ahead of the token by this much and no more.
const MAX_GAP_MS: u32 = 60_000;
/// Events that a gateway keeps for a resume.
const MAX_KEPT: u64 = 256;
/// It sends them at once; whatever it said that it kept, no timer waits for them any longer.
const OWED: Duration = Duration::from_secs(10);

/// Whose clock a call runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockSource {
    /// Ours.
    #[default]
    Server,
    /// The gateway's `started_at` and `offset_ms`: for replays, tests, drills.
    Gateway,
}

/// What every call of a service shares.
pub struct Shared<N> {
    /// The back ends.
    pub network: Arc<N>,
    /// Where journals go.
    pub recorder: Recorder,
    /// Whose clock counts.
    pub clock: ClockSource,
}

/// What ties a session to its stream.
pub struct Link {
    /// Seals its tokens.
    pub sealer: Sealer,
    /// What is logged of the call carries its name.
    pub span: Span,
}

/// A message to the gateway.
#[derive(Debug)]
pub struct Reply {
    /// Counts up over the call.
    pub seq: u64,
    /// The effects of all events up to this one are in the token.
    pub acked_event_seq: u64,
    /// The token; empty when the call cannot be carried any more.
    pub token: Vec<u8>,
    /// What to do.
    pub actions: Vec<Action>,
}

/// Why a stream is ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An event is missing.
    SequenceGap,
    /// More events than a call has.
    TooManyEvents,
}

/// A turn that hands a caller over whose order is unconfirmed: it is given when the operator owns the
/// order, which the network answers within a second.
struct Held {
    /// When it was made.
    at: CallTime,
    turn: Turn,
    handed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// One live call.
pub struct Session<N> {
    shared: Arc<Shared<N>>,
    mind: Mind,
    known: Known,
    progress: Progress,
    sealer: Sealer,
    recorder: CallRecorder,
    /// When `base` was.
    since: Instant,
    base: CallTime,
    wake_at: Option<CallTime>,
    /// Until this event has been taken after a resume, no timer fires, for as long as is [`OWED`].
    owed_events: u64,
    /// Look-ups and an order: a handful, and mostly none.
    running: Vec<Pin<Box<dyn Future<Output = Event> + Send>>>,
    held: Option<Box<Held>>,
    /// More than is `known` may have been learnt since.
    learnt: bool,
    /// Of the call: what is logged of it carries its name.
    span: Span,
    /// Events that may still come at once.
    allowance: u32,
    allowance_at: CallTime,
}

impl<N: Network> Session<N> {
    /// A new call.
    pub fn offered(
        shared: Arc<Shared<N>>,
        bundle: Arc<Bundle>,
        offer: Arc<Offer>,
        link: Link,
        skew_ms: i64,
    ) -> (Self, Reply) {
        let progress = Progress {
            acked_event_seq: 1,
            ..Progress::default()
        };
        let header = Header::new(Arc::clone(&bundle.hash), 0, skew_ms, Arc::clone(&offer));
        let (dialog, turn) = Dialog::answer(bundle, offer);
        let mind = Mind::Dialog(Box::new(dialog));
        let mut session = Self::begin(shared, mind, progress, link, header);
        let reply = session.give(CallTime::ZERO, turn);
        (session, reply)
    }

    /// A call that goes on. `bundle` is the one that the token names, if this service has it. Without
    /// a reply, the turn is held.
    pub fn resumed(
        shared: Arc<Shared<N>>,
        bundle: Option<Arc<Bundle>>,
        envelope: Envelope,
        link: Link,
        resume: (u64, u32),
    ) -> (Self, Option<Reply>) {
        let (last_event_seq, offset_ms) = resume;
        let (offer, mut progress) = (envelope.offer, envelope.progress);
        progress.resume = progress.resume.saturating_add(1);
        let header = Header::new(envelope.bundle, progress.resume, 0, Arc::clone(&offer));
        let dialog = bundle.and_then(|bundle| Dialog::from_bytes(bundle, offer, &envelope.state));
        let latest = progress.at.plus(MAX_GAP_MS);
        let base = CallTime::from_ms(offset_ms).clamp(progress.at, latest);
        let (mind, event) = match dialog {
            Some(dialog) => (Mind::Dialog(Box::new(dialog)), Some(Event::Resumed)),
            None => (Mind::fallback(envelope.context), None),
        };
        let mut session = Self::begin(shared, mind, progress, link, header);
        session.base = base;
        session.allowance_at = base;
        // A gateway keeps 256 events; a number beyond that is none.
        let most = progress.acked_event_seq.saturating_add(MAX_KEPT);
        session.owed_events = last_event_seq.min(most);
        let turn = match event {
            Some(event) => session.step(base, None, event),
            None => session.mind.hand_over(base),
        };
        let reply = session.reply(base, turn);
        (session, reply)
    }

    fn begin(
        shared: Arc<Shared<N>>,
        mind: Mind,
        progress: Progress,
        link: Link,
        header: Header,
    ) -> Self {
        let Link { sealer, span } = link;
        let mut known = Known::new(&header.offer, &header.bundle);
        known.learn(&mind.context(), |state| mind.write_case(state));
        Self {
            recorder: shared.recorder.begin(header),
            shared,
            mind,
            known,
            progress,
            sealer,
            since: Instant::now(),
            base: CallTime::ZERO,
            wake_at: None,
            owed_events: 0,
            running: Vec::new(),
            held: None,
            learnt: false,
            span,
            allowance: EVENTS_AT_ONCE,
            allowance_at: CallTime::ZERO,
        }
    }

    /// Whether the call is over.
    pub fn is_over(&self) -> bool {
        self.mind.is_over()
    }

    /// Whether a turn waits for the store: nothing is taken before it is given.
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// A gateway's event; a duplicate is acknowledged again. Without a reply, the turn is held.
    pub fn event(
        &mut self,
        seq: u64,
        offset_ms: u32,
        event: Event,
    ) -> Result<Option<Reply>, Refusal> {
        let mut at = self.now();
        if !self.allow(at) {
            return Err(Refusal::TooManyEvents);
        }
        let next = self.progress.acked_event_seq.saturating_add(1);
        if seq < next {
            return Ok(Some(self.acknowledge()));
        }
        if seq > next {
            return Err(Refusal::SequenceGap);
        }
        if self.shared.clock == ClockSource::Gateway {
            at = at.max(CallTime::from_ms(offset_ms));
            self.base = at;
            self.since = Instant::now();
        }
        self.progress.acked_event_seq = seq;
        let turn = self.step(at, Some(seq), event);
        Ok(self.reply(at, turn))
    }

    /// An acknowledgement without anything to do.
    fn acknowledge(&mut self) -> Reply {
        let turn = Turn {
            actions: Vec::new(),
            wake_at: self.wake_at,
        };
        self.give(self.now(), turn)
    }

    /// What the store, a back end or the time leads to; to be asked again when something is
    /// [due](Self::due).
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        loop {
            if let Some(held) = &mut self.held {
                if held.handed.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if let Some(held) = self.held.take() {
                    return Poll::Ready(self.give(held.at, held.turn));
                }
            }
            let Some(event) = self.happens(cx) else {
                return Poll::Pending;
            };
            let at = self.now();
            let found = event != Event::Woke;
            let turn = self.step(at, None, event);
            // What asks nothing of the gateway is not sent: a finding that the newest token does
            // not hold is asked for again after a resume.
            if found && turn.actions.iter().all(is_look_up) {
                self.act(at, &turn);
            } else if let Some(reply) = self.reply(at, turn) {
                return Poll::Ready(reply);
            }
        }
    }

    fn happens(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        for (nth, running) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(event) = running.as_mut().poll(cx) {
                drop(self.running.remove(nth));
                self.running.shrink_to_fit();
                return Some(event);
            }
        }
        let due = self.due().is_some_and(|due| due <= Instant::now());
        due.then(|| {
            self.wake_at = None;
            Event::Woke
        })
    }

    /// When the dialog has to be woken, should nothing happen before.
    pub fn due(&self) -> Option<Instant> {
        let owed = self.progress.acked_event_seq < self.owed_events;
        let wake_at = self.wake_at.filter(|_| !self.is_held())?;
        let ahead = Duration::from_millis(u64::from(wake_at.since(self.base)));
        let least = if owed { OWED } else { Duration::ZERO };
        Some(self.since + ahead.max(least))
    }

    fn now(&self) -> CallTime {
        let elapsed = u32::try_from(self.since.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.base.plus(elapsed)
    }

    /// A sign of life; it counts like an event.
    pub fn keep_alive(&mut self) -> Result<(), Refusal> {
        if self.allow(self.now()) {
            Ok(())
        } else {
            Err(Refusal::TooManyEvents)
        }
    }

    /// A leaky bucket: a call has a few messages a second.
    fn allow(&mut self, now: CallTime) -> bool {
        let each = 1000 / EVENTS_PER_SECOND;
        let earned = now.since(self.allowance_at) / each;
        self.allowance = self.allowance.saturating_add(earned).min(EVENTS_AT_ONCE);
        self.allowance_at = self.allowance_at.plus(earned.saturating_mul(each));
        let allowed = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        allowed
    }

    fn step(&mut self, at: CallTime, seq: Option<u64>, event: Event) -> Turn {
        self.recorder.event(at, seq, &event);
        self.learnt |= !event.is_of_media();
        let ends = if let Event::CallEnded { by, .. } = event {
            Some(by)
        } else {
            None
        };
        let handed = self.handed_over();
        let was_dialog = self.mind.is_dialog();
        if was_dialog && at > MAX_CALL && ends.is_none() {
            self.learnt = true;
            self.mind = Mind::fallback(self.mind.context());
            return self.mind.hand_over(at);
        }
        let turn = self.mind.handle(at, event, || self.known.context());
        if was_dialog && !self.mind.is_dialog() {
            self.learnt = true;
            self.span.in_scope(|| {
                tracing::error!("the dialog panicked: the caller goes to the operator");
            });
        }
        let missed = self.mind.transfer() == Reached::Nobody && ends != Some(EndedBy::Operator);
        if let Some(key) = handed.filter(|_| missed) {
            let network = &self.shared.network;
            self.span.in_scope(|| network.take_back(key));
        }
        turn
    }

    /// The order that was handed over with the transfer that rings. It comes back when that reaches no
    /// operator, whoever says so, and whether the call was resumed since.
    fn handed_over(&self) -> Option<String> {
        let rings = self.mind.transfer() == Reached::Rings;
        rings.then(|| unconfirmed(&self.mind.context())).flatten()
    }

    /// Gives the turn, or holds it: before an operator is told to create a ticket if it is absent,
    /// nobody else may.
    fn reply(&mut self, at: CallTime, turn: Turn) -> Option<Reply> {
        let Some(key) = turn.actions.iter().find_map(hands_over) else {
            return Some(self.give(at, turn));
        };
        let network = Arc::clone(&self.shared.network);
        let handed = async move { network.hand_over(key).await };
        let handed = Box::pin(handed.instrument(self.span.clone()));
        self.held = Some(Box::new(Held { at, turn, handed }));
        None
    }

    /// Does what is ours to do.
    fn act(&mut self, at: CallTime, turn: &Turn) {
        for action in &turn.actions {
            self.recorder.action(at, action);
            self.start(action);
        }
        if let Some(disposition) = self.mind.disposition() {
            self.recorder.ended(at, disposition);
        }
        self.wake_at = turn.wake_at;
    }

    fn give(&mut self, at: CallTime, turn: Turn) -> Reply {
        self.act(at, &turn);
        self.progress.turn_seq = self.progress.turn_seq.saturating_add(1);
        self.progress.at = at;
        let token = self.seal();
        Reply {
            seq: self.progress.turn_seq,
            acked_event_seq: self.progress.acked_event_seq,
            token,
            actions: turn.actions,
        }
    }

    fn seal(&mut self) -> Vec<u8> {
        if self.mind.is_over() {
            return Vec::new();
        }
        let learn = |known: &mut Known| {
            let case = |state: &mut Vec<u8>| self.mind.write_case(state);
            known.learn(&self.mind.context(), case);
        };
        if std::mem::take(&mut self.learnt) {
            learn(&mut self.known);
        }
        debug_assert!({
            let mut fresh = self.known.clone();
            learn(&mut fresh);
            fresh == self.known
        });
        let rest = |state: &mut Vec<u8>| self.mind.write_rest(state);
        let token = self.sealer.seal(&self.known, &self.progress, rest);
        token.unwrap_or_default()
    }

    /// Starts what is for the back ends.
    fn start(&mut self, action: &Action) {
        let network = Arc::clone(&self.shared.network);
        if let Action::LookUp(lookup) = action {
            let (lookup, kind) = (lookup.clone(), lookup.kind());
            let asked = AssertUnwindSafe(async move { network.look_up(lookup).await });
            let found = async move {
                // A panic of ours there is an answer that is not to be had, in this call alone.
                let found = asked.catch_unwind().await;
                Event::Found(found.unwrap_or_else(|_| {
                    tracing::error!(kind = kind.as_str(), "a look-up panicked");
                    Finding::unavailable(kind)
                }))
            };
            let found = found.instrument(self.span.clone());
            self.running.push(Box::pin(found));
        } else if let Action::CreateTicket(order, attempt) = action {
            let again = self.progress.resume > 0 && *attempt == Attempt::First;
            let attempt = if again { Attempt::Resumed } else { *attempt };
            let order = (**order).clone();
            // A caller who hangs up does not undo what he agreed to: the order outlives his call,
            // for as long as the adapter's own deadline.
            let sent = async move { network.create_ticket(order, attempt).await };
            let sent = tokio::spawn(sent.instrument(self.span.clone()));
            self.running.push(Box::pin(async move {
                Event::TicketFinished(sent.await.unwrap_or(TicketResult::Unconfirmed))
            }));
        }
    }
}

const fn is_look_up(action: &Action) -> bool {
    matches!(action, Action::LookUp(_))
}

/// The key of an order that may or may not have become a ticket.
fn unconfirmed(context: &TransferContext) -> Option<String> {
    let unconfirmed = context.ticket_state == Some(TicketState::Unconfirmed);
    context.ticket_key.clone().filter(|_| unconfirmed)
}

/// The key of the order that a transfer hands over.
fn hands_over(action: &Action) -> Option<String> {
    let Action::Transfer(transfer) = action else {
        return None;
    };
    unconfirmed(&transfer.context)
}
