//! One `Converse` stream: the response stream reads the events, steps the call and gives the turns.
//! No task and no channel of its own, so that a gateway that does not read only stops its own call.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::stream::Stream;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep};
use tonic::{Status, Streaming};
use tracing::Span;

use crate::bundle::Bundle;
use crate::clock;
use crate::dialog::event::Offer;
use crate::digest::name;
use crate::gateway::Inner;
use crate::gateway::lag::Lag;
use crate::gateway::refusal::Refused;
use crate::gateway::registry::{NotTaken, Notice, Signal};
use crate::gateway::wire::pb::{CallEvent, CallTurn};
use crate::gateway::wire::service as wire;
use crate::gateway::wire::service::{First, Offered, Resumed};
use crate::lookup::Network;
use crate::session::{ClockSource, Link, Refusal, Reply, Session};
use crate::token::{Envelope, MAX_AGE_MS, Sealer};

/// The first message comes at once, or the stream holds room for nothing.
const FIRST_MESSAGE: Duration = Duration::from_secs(5);
/// A gateway sends a sign of life every 10 s; after three of them it is dead.
const IDLE: Duration = Duration::from_secs(30);

/// The response stream of one call.
pub struct Converse<N: Network> {
    inner: Arc<Inner<N>>,
    gateway: Arc<str>,
    lag: Arc<Lag>,
    events: Streaming<CallEvent>,
    /// Once the call is known, until it is left.
    place: Option<Place>,
    session: Option<Session<N>>,
    /// A call that goes on when it is known not to be over, and the bundle that it began on has come.
    fetching: Option<Box<(GoesOn, Fetching)>>,
    /// When the last message came.
    heard: Instant,
    /// For what is due next.
    timer: Pin<Box<Sleep>>,
    /// When it rings.
    rings: Instant,
    /// What the timer and the signal wake.
    waker: Option<Waker>,
    /// Of how many notices it is known whether one is for this stream.
    notices: u32,
    finished: bool,
}

/// What a call that goes on needs: its bundle, if that is to be had.
type Fetching = Pin<Box<dyn Future<Output = Result<Option<Arc<Bundle>>, Refused>> + Send>>;

/// A call that goes on, once its token is found good.
struct GoesOn {
    envelope: Envelope,
    sealer: Sealer,
    /// [`Resumed::last_event_seq`] and [`Resumed::offset_ms`].
    resume: (u64, u32),
}

/// What this stream holds among those that are live: also of a call that is about to go on. Of two
/// streams that resume a call the later one has it, whichever is served first.
struct Place {
    signal: Arc<Signal>,
    offer: Arc<Offer>,
}

impl<N: Network> Drop for Converse<N> {
    fn drop(&mut self) {
        self.leave(false);
    }
}

type Item = Result<CallTurn, Status>;

impl<N: Network> Converse<N> {
    pub(super) fn new(
        inner: Arc<Inner<N>>,
        gateway: Arc<str>,
        lag: Arc<Lag>,
        events: Streaming<CallEvent>,
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(FIRST_MESSAGE));
        Self {
            rings: timer.deadline(),
            waker: None,
            notices: 0,
            inner,
            gateway,
            lag,
            events,
            place: None,
            session: None,
            fetching: None,
            heard: Instant::now(),
            timer,
            finished: false,
        }
    }

    /// The first message makes the call.
    fn begin(&mut self, event: &CallEvent) -> Result<Option<CallTurn>, Refused> {
        match wire::first(event) {
            First::Offered(offered) if event.seq == 1 => {
                let reply = self.offered(*offered)?;
                Ok(Some(turn(reply)))
            }
            First::Offered(_) => Err(Refused::SequenceStartsAtOne),
            First::Resumed(resumed) => {
                let call = self.opened(&resumed)?;
                let fetching = self.fetch(&call.envelope);
                self.fetching = Some(Box::new((call, fetching)));
                Ok(None)
            }
            First::Other => Err(Refused::FirstMessageNotAnOffer),
        }
    }

    /// What is logged of a call carries its name.
    fn span(&self, call_key: &str) -> Span {
        let call = name(call_key);
        let span = tracing::info_span!("call", call, gateway = &*self.gateway);
        span.in_scope(|| tracing::debug!("taken"));
        span
    }

    fn offered(&mut self, offered: Offered) -> Result<Reply, Refused> {
        let inner = &self.inner;
        let call = offered.call.ok_or(Refused::BadCallId)?;
        if self.lag.is_high() {
            return Err(Refused::Overloaded);
        }
        let now = clock::now();
        let began = match inner.shared.clock {
            ClockSource::Server => now,
            ClockSource::Gateway => offered.started_at.unwrap_or(now),
        };
        let skew_ms = match (inner.shared.clock, offered.started_at) {
            (ClockSource::Server, Some(at)) => at.unix_ms().saturating_sub(now.unix_ms()),
            // There is no other clock to compare with.
            (ClockSource::Gateway, _) | (ClockSource::Server, None) => 0,
        };
        let gateway = &self.gateway;
        let sealer = inner
            .keys()
            .sealer(gateway, &call)
            .ok_or(Refused::TooManyCalls)?;
        let call_key = Arc::from(format!("{gateway}:{call}:{}", began.unix_ms()));
        let signal = inner
            .registry
            .offer(gateway, &call, &call_key, inner.settings.max_calls)
            .map_err(refused)?;
        let offer = Arc::new(Offer {
            call_key,
            call,
            from: offered.from,
            to: offered.to,
            locale: offered.locale,
            capabilities: offered.capabilities,
            began,
        });
        inner.settings.metrics.offered(gateway);
        let shared = Arc::clone(&inner.shared);
        let bundle = inner.bundle();
        let span = self.span(&offer.call_key);
        let link = Link { sealer, span };
        let (session, reply) = Session::offered(shared, bundle, Arc::clone(&offer), link, skew_ms);
        self.place = Some(Place { signal, offer });
        self.session = Some(session);
        Ok(reply)
    }

    /// The call is no longer this stream's; with it, it may be over.
    fn leave(&mut self, over: bool) {
        let session = self.session.take();
        let over = over || session.is_some_and(|session| session.is_over());
        self.fetching = None;
        if let Some(Place { signal, offer }) = self.place.take() {
            let closed = over.then_some(&offer.call_key);
            let registry = &self.inner.registry;
            registry.leave(&self.gateway, &offer.call, &signal, closed);
        }
    }

    /// What a token holds, if it is a good one of that call.
    fn opened(&mut self, resumed: &Resumed) -> Result<GoesOn, Refused> {
        let inner = &self.inner;
        let call = resumed.call.as_ref().ok_or(Refused::BadCallId)?;
        let gateway = &self.gateway;
        let keys = inner.keys();
        let envelope = keys
            .open(gateway, call, &resumed.token)
            .ok_or(Refused::BadToken)?;
        // Under the gateway's clock `began` is not ours to compare with; the call's own time is.
        let age = match inner.shared.clock {
            ClockSource::Server => {
                let began = envelope.offer.began.unix_ms();
                clock::now().unix_ms().saturating_sub(began)
            }
            ClockSource::Gateway => i64::from(envelope.progress.at.ms()),
        };
        if age > MAX_AGE_MS {
            return Err(Refused::BadToken);
        }
        let sealer = keys.sealer(gateway, call).ok_or(Refused::BadToken)?;
        let offer = Arc::clone(&envelope.offer);
        let signal = inner
            .registry
            .resume(gateway, &offer.call, &offer.call_key)
            .map_err(refused)?;
        self.place = Some(Place { signal, offer });
        Ok(GoesOn {
            envelope,
            sealer,
            resume: (resumed.last_event_seq, resumed.offset_ms),
        })
    }

    /// What it takes to go on with a call: that no replica has recorded its end, and its bundle.
    fn fetch(&self, envelope: &Envelope) -> Fetching {
        let (network, shelf) = (
            Arc::clone(&self.inner.shared.network),
            self.inner.shelf.clone(),
        );
        let call_key = Arc::clone(&envelope.offer.call_key);
        let hash = envelope.bundle.clone();
        Box::pin(async move {
            if network.is_over(call_key).await {
                return Err(Refused::BadToken);
            }
            Ok(match shelf.get(&hash) {
                Some(bundle) => Some(bundle),
                None => shelf.fetch(hash).await,
            })
        })
    }

    /// Goes on with a call, on the bundle that it began on if that was to be had.
    fn goes_on(&mut self, call: GoesOn, bundle: Option<Arc<Bundle>>) -> Option<CallTurn> {
        let GoesOn {
            envelope,
            sealer,
            resume,
        } = call;
        self.inner.settings.metrics.resumed(&self.gateway);
        let shared = Arc::clone(&self.inner.shared);
        let span = self.span(&envelope.offer.call_key);
        let link = Link { sealer, span };
        let (session, reply) = Session::resumed(shared, bundle, envelope, link, resume);
        self.session = Some(session);
        reply.map(turn)
    }

    /// Goes on with a call when what it needs has come, or was not to be had.
    fn fetched(&mut self, cx: &mut Context<'_>) -> Option<Result<Option<CallTurn>, Refused>> {
        let Poll::Ready(bundle) = self.fetching.as_mut()?.1.as_mut().poll(cx) else {
            return None;
        };
        let (call, _) = *self.fetching.take()?;
        if bundle.is_err() {
            // Refused is only what is over.
            self.leave(true);
        }
        Some(bundle.map(|bundle| self.goes_on(call, bundle)))
    }

    /// What is told to whoever serves the call, or is about to.
    fn signal(&self) -> Option<&Signal> {
        self.place.as_ref().map(|place| &*place.signal)
    }

    /// The notice for this stream, if one came.
    fn noticed(&mut self) -> Option<Notice> {
        let notices = self.inner.registry.notices();
        if std::mem::replace(&mut self.notices, notices) == notices {
            return None;
        }
        self.signal().and_then(Signal::notice)
    }

    /// Waits for that moment, or for a notice. Timer and signal lie where no event leads, and most
    /// waits end with an event: they are touched only if they do not know whom to wake, or when.
    fn sleep(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let waker = self.waker.as_ref();
        let known = waker.is_some_and(|waker| waker.will_wake(cx.waker()));
        // A timer that rings too early is set then: most are moved again before that.
        let over = self.rings <= Instant::now();
        if known && !over && self.rings <= due {
            return Poll::Pending;
        }
        if over || due < self.rings {
            self.rings = due;
            self.timer.as_mut().reset(due);
        }
        // Whatever else the task did: a timer that was not asked for lack of budget wakes nobody.
        if pin!(unconstrained(self.timer.as_mut())).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(signal) = self.signal() {
            // One that came meanwhile is taken at once.
            if signal.wait(cx.waker()).is_some() {
                cx.waker().wake_by_ref();
            }
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Whether nothing is to be taken from the gateway yet.
    fn is_held(&self) -> bool {
        self.fetching.is_some() || self.session.as_ref().is_some_and(Session::is_held)
    }

    /// An event of a call; `None` for one that asks for no answer.
    fn event(session: &mut Session<N>, event: CallEvent) -> Result<Option<CallTurn>, Refused> {
        if wire::is_keep_alive(&event) {
            return session
                .keep_alive()
                .map(|()| None)
                .map_err(|_| Refused::TooManyEvents);
        }
        let (seq, offset_ms) = (event.seq, event.offset_ms);
        match session.event(seq, offset_ms, wire::event(event)) {
            Ok(reply) => Ok(reply.map(turn)),
            Err(Refusal::SequenceGap) => Err(Refused::SequenceGap),
            Err(Refusal::TooManyEvents) => Err(Refused::TooManyEvents),
        }
    }

    fn taken(&mut self, event: CallEvent) -> Result<Option<CallTurn>, Refused> {
        self.inner.settings.metrics.event();
        let turn = match &mut self.session {
            Some(session) => Self::event(session, event)?,
            None => self.begin(&event)?,
        };
        self.heard = Instant::now();
        self.finished = self.session.as_ref().is_some_and(Session::is_over);
        Ok(turn)
    }

    fn give(&self, turn: CallTurn) -> Poll<Option<Item>> {
        self.inner.settings.metrics.turn();
        Poll::Ready(Some(Ok(turn)))
    }

    fn end(&mut self, refused: Refused) -> Poll<Option<Item>> {
        self.inner.settings.metrics.refused(refused.reason());
        self.break_off(refused.into())
    }

    fn break_off(&mut self, status: Status) -> Poll<Option<Item>> {
        self.finished = true;
        self.leave(false);
        Poll::Ready(Some(Err(status)))
    }
}

impl<N: Network> Stream for Converse<N> {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = self.get_mut();
        if this.finished {
            this.leave(false);
            return Poll::Ready(None);
        }
        match this.noticed() {
            Some(Notice::Superseded) => return this.end(Refused::ResumedElsewhere),
            Some(Notice::Draining) => return this.end(Refused::Draining),
            None => {}
        }
        while !this.is_held() {
            let Poll::Ready(event) = Pin::new(&mut this.events).poll_next(cx) else {
                break;
            };
            match event {
                Some(Ok(event)) => match this.taken(event) {
                    Ok(Some(turn)) => return this.give(turn),
                    Ok(None) => {}
                    Err(refused) => return this.end(refused),
                },
                Some(Err(status)) => {
                    let status = Refused::unreadable(&status, &this.inner.settings.metrics);
                    return this.break_off(status);
                }
                None => {
                    this.finished = true;
                    this.leave(false);
                    return Poll::Ready(None);
                }
            }
        }
        match this.fetched(cx) {
            Some(Ok(Some(turn))) => return this.give(turn),
            Some(Err(refused)) => return this.end(refused),
            Some(Ok(None)) | None => {}
        }
        loop {
            let mut due = None;
            if let Some(session) = &mut this.session {
                if let Poll::Ready(reply) = session.poll(cx) {
                    this.finished = session.is_over();
                    return this.give(turn(reply));
                }
                due = session.due();
            }
            let (most, silent) = match &this.session {
                Some(_) => (IDLE, Refused::Idle),
                None => (FIRST_MESSAGE, Refused::NoFirstMessage),
            };
            let until = this.heard + most;
            if this
                .sleep(due.map_or(until, |due| due.min(until)), cx)
                .is_pending()
            {
                return Poll::Pending;
            }
            if until <= Instant::now() {
                return this.end(silent);
            }
        }
    }
}

fn turn(reply: Reply) -> CallTurn {
    wire::pb_turn(
        reply.seq,
        reply.acked_event_seq,
        reply.token,
        &reply.actions,
    )
}

const fn refused(not_taken: NotTaken) -> Refused {
    match not_taken {
        NotTaken::Live => Refused::CallIsLive,
        NotTaken::Full => Refused::TooManyCalls,
        NotTaken::Draining => Refused::Draining,
        NotTaken::Closed => Refused::BadToken,
    }
}
