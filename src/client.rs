//! A scripted gateway: drives a real service over gRPC as the contract asks of a gateway, in real
//! time or faster, and resumes its calls when the service is lost. Never looks behind the contract.

mod faults;
pub mod target;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::call::{CallId, Locale, PhoneNumber};
use crate::caller::turns::{ScriptedCaller, Turn};
use crate::caller::{Caller, MediaSide};
pub use crate::client::faults::Faults;
use crate::client::faults::{DELAY, Fault, OUTLIVES};
pub use crate::client::target::{Target, pipe};
use crate::dialog::action::Action;
use crate::dialog::event::{Capabilities, Event, Offer};
use crate::gateway::wire::gateway as wire;
use crate::gateway::wire::pb::call_gateway_client::CallGatewayClient;
use crate::gateway::wire::pb::{CallEvent, CallTurn, ListPromptsRequest};
use crate::journal::{Entry, Header};
use crate::time::{CallTime, WallTime};

/// How long the contract has a gateway dial a lost service again.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two dials.
const REDIAL_EVERY: Duration = Duration::from_millis(200);
/// A sign of life in the silence.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Events that wait to be taken.
const QUEUE: usize = 512;
/// How long the service may take to finish the stream after the call.
const FINISH: Duration = Duration::from_secs(5);

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id.
    pub call: CallId,
    /// The calling number.
    pub from: Option<PhoneNumber>,
    /// The language hint.
    pub locale: Option<Locale>,
    /// What the caller does.
    pub turns: Vec<Turn>,
    /// The media side, with the fate of transfers.
    pub media: MediaSide,
    /// How many times faster than life.
    pub speed: u32,
    /// The wall clock at the offer.
    pub at: WallTime,
    /// How long the clips are, as [`lengths`] lists them; estimated by their texts without it.
    pub lengths: Arc<Lengths>,
    /// How long a lost service is dialled again before the call is given up: [`PATIENCE`].
    pub patience: Duration,
}

/// How long clips are in milliseconds, by their hash.
pub type Lengths = BTreeMap<String, u32>;

/// Asks a service at `target` how long its clips are, as a gateway that fetches them would know.
pub async fn lengths(target: &Target) -> Result<Lengths, CallFailure> {
    let unreachable = || CallFailure::Unreachable(target.to_string());
    let channel = target.channel().await.ok_or_else(unreachable)?;
    let mut client = CallGatewayClient::new(channel);
    let mut lengths = Lengths::new();
    let mut request = ListPromptsRequest::default();
    loop {
        let page = client.list_prompts(request.clone()).await;
        let page = page.map_err(|status| CallFailure::Refused(Box::new(status)))?;
        let page = page.into_inner();
        let known = page.prompts.into_iter().filter(|p| !p.sha256.is_empty());
        lengths.extend(known.map(|prompt| (prompt.sha256, prompt.duration_ms)));
        if page.next_page_token.is_empty() {
            return Ok(lengths);
        }
        request.page_token = page.next_page_token;
    }
}

/// Why a call could not be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// Nobody answers there.
    #[error("nobody answers at {0}")]
    Unreachable(String),
    /// The service refused the stream.
    #[error("the service refused the call: {0}")]
    Refused(Box<Status>),
}

/// Streams that one call may lose to faults.
const MAX_RESUMES: u32 = 100;

/// Makes the call at `target`; tells each entry as it happens and gives all.
pub async fn make(
    target: &Target,
    plan: Plan,
    tell: impl FnMut(&Entry),
) -> Result<Vec<Entry>, CallFailure> {
    let caller = ScriptedCaller::new(plan.media.clone(), plan.turns.clone());
    make_as(target, plan, Box::new(caller), Faults::default(), tell).await
}

/// The same with another caller than the plan's turns, and with faults on the way.
pub async fn make_as(
    target: &Target,
    plan: Plan,
    caller: Box<dyn Caller>,
    faults: Faults,
    mut tell: impl FnMut(&Entry),
) -> Result<Vec<Entry>, CallFailure> {
    let header = Entry::Header(Box::new(header(&plan)));
    tell(&header);
    let from = plan.from.as_ref();
    let mut gateway = Gateway {
        target,
        patience: plan.patience,
        began: Instant::now(),
        speed: plan.speed.max(1),
        lengths: Arc::clone(&plan.lengths),
        offer: wire::pb_offer(&plan.call, from, plan.locale, plan.at),
        call: plan.call,
        caller,
        faults,
        held: None,
        lost_at: None,
        seq: 1,
        token: Vec::new(),
        kept: VecDeque::new(),
        entries: vec![header],
        resumes: 0,
    };
    let taken_by = Instant::now() + gateway.patience;
    let mut line = gateway.dial(&mut tell).await?;
    loop {
        match gateway.serve(&mut line, &mut tell).await {
            Ok(()) => return Ok(gateway.entries),
            // A gap is what the service refuses when events are lost on the way to it.
            Err(status)
                if (is_lost(&status) || status.code() == Code::FailedPrecondition)
                    && !gateway.token.is_empty()
                    && gateway.resumes < MAX_RESUMES =>
            {
                gateway.resumes += 1;
                line = match gateway.dial(&mut tell).await {
                    // The service has taken the end already: the call is closed.
                    Err(CallFailure::Refused(_)) if gateway.caller.has_ended() => {
                        return Ok(gateway.entries);
                    }
                    line => line?,
                };
            }
            Err(_) if gateway.resumes > 0 && gateway.caller.has_ended() => {
                return Ok(gateway.entries);
            }
            // A turn that never came never happened: the offer is made again.
            Err(status) if is_lost(&status) && Instant::now() < taken_by => {
                sleep(REDIAL_EVERY).await;
                line = gateway.dial(&mut tell).await?;
            }
            Err(status) => return Err(CallFailure::Refused(Box::new(status))),
        }
    }
}

fn header(plan: &Plan) -> Header {
    let offer = Offer {
        call: plan.call.clone(),
        call_key: plan.call.as_str().into(),
        from: plan.from.clone(),
        to: "3131".to_owned(),
        locale: plan.locale,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: plan.at,
    };
    Header::new("", 0, 0, offer)
}

/// A stream that broke, or a service that went down: the call goes on elsewhere.
fn is_lost(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
    )
}

/// An open stream.
struct Line {
    events: mpsc::Sender<CallEvent>,
    turns: Streaming<CallTurn>,
}

struct Gateway<'t> {
    target: &'t Target,
    patience: Duration,
    began: Instant,
    speed: u32,
    lengths: Arc<Lengths>,
    offer: CallEvent,
    call: CallId,
    caller: Box<dyn Caller>,
    faults: Faults,
    /// An event that waits for the next one.
    held: Option<CallEvent>,
    /// When an event did not go the right way.
    lost_at: Option<Instant>,
    seq: u64,
    token: Vec<u8>,
    /// Events that the newest token does not hold.
    kept: VecDeque<(u64, CallEvent)>,
    entries: Vec<Entry>,
    resumes: u32,
}

impl Gateway<'_> {
    fn now(&self) -> CallTime {
        let ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        CallTime::from_ms(ms.saturating_mul(self.speed))
    }

    fn moment(&self, at: CallTime) -> Instant {
        self.began + Duration::from_millis(u64::from(at.ms())) / self.speed
    }

    /// Dials until a stream is open. Meanwhile what plays goes on, and the caller with it.
    async fn dial(&mut self, tell: &mut impl FnMut(&Entry)) -> Result<Line, CallFailure> {
        let target = self.target;
        let give_up = Instant::now() + self.patience;
        (self.held, self.lost_at) = (None, None);
        loop {
            let line = match self.meanwhile(target.channel(), tell).await {
                Some(channel) => self.open(channel, tell).await,
                None => Err(Status::unavailable("nobody answers")),
            };
            match line {
                Ok(line) => return Ok(line),
                Err(status) if !is_lost(&status) => {
                    return Err(CallFailure::Refused(Box::new(status)));
                }
                Err(_) if Instant::now() < give_up => {
                    self.meanwhile(sleep(REDIAL_EVERY), tell).await;
                }
                Err(_) => return Err(CallFailure::Unreachable(target.to_string())),
            }
        }
    }

    /// Opens a stream: with the offer or, once there was a turn, with the newest token and what it
    /// does not hold.
    async fn open(
        &mut self,
        channel: Channel,
        tell: &mut impl FnMut(&Entry),
    ) -> Result<Line, Status> {
        let last = self.kept.back().map_or(0, |(seq, _)| *seq);
        let (events, receiver) = mpsc::channel(QUEUE);
        let begins = if self.token.is_empty() {
            self.offer.clone()
        } else {
            // A service goes by its own clock, which runs as fast as life.
            let ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
            wire::pb_resume(&self.call, self.token.clone(), last, ms)
        };
        let full = |_| Status::internal("more events are kept than a call has");
        events.try_send(begins).map_err(full)?;
        for (_, event) in &self.kept {
            events.try_send(event.clone()).map_err(full)?;
        }
        let mut client = CallGatewayClient::new(channel);
        let turns = client.converse(ReceiverStream::new(receiver));
        let turns = self.meanwhile(turns, tell).await?.into_inner();
        for (_, event) in self.kept.iter().filter(|(seq, _)| *seq > last) {
            // A stream that is gone shows at the next turn.
            let _ = events.send(event.clone()).await;
        }
        Ok(Line { events, turns })
    }

    /// Does what is waited for; what happens meanwhile is kept.
    async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        tell: &mut impl FnMut(&Entry),
    ) -> T {
        let mut work = pin!(work);
        loop {
            let next = self.caller.next().map(|at| self.moment(at));
            let wake = next.unwrap_or_else(|| Instant::now() + KEEP_ALIVE);
            tokio::select! {
                // On virtual time a call is the same every time.
                biased;
                done = &mut work => return done,
                () = sleep_until(wake) => drop(self.happen(tell)),
            }
        }
    }

    /// Until the call is over, or the stream.
    async fn serve(
        &mut self,
        line: &mut Line,
        tell: &mut impl FnMut(&Entry),
    ) -> Result<(), Status> {
        let mut alive = Instant::now() + KEEP_ALIVE;
        while !self.caller.has_ended() {
            let next = self.caller.next().map(|at| self.moment(at));
            let gone = self.lost_at.map(|at| at + OUTLIVES);
            let wake = next.unwrap_or(alive).min(alive).min(gone.unwrap_or(alive));
            tokio::select! {
                // On virtual time a call is the same every time.
                biased;
                turn = line.turns.message() => match turn? {
                    Some(turn) => self.take(turn, tell),
                    None => return Err(Status::unavailable("the stream ended before the call")),
                },
                () = sleep_until(wake) => {
                    if gone.is_some_and(|gone| gone <= Instant::now()) {
                        return Err(Status::unavailable("the stream was lost on purpose"));
                    }
                    if Instant::now() >= alive {
                        let sign = wire::pb_keep_alive(self.now().ms());
                        // A stream that is gone shows at the next turn.
                        let _ = line.events.send(sign).await;
                        alive = Instant::now() + KEEP_ALIVE;
                    }
                    self.go_on(line, tell).await?;
                }
            }
        }
        self.finish(line, tell).await
    }

    /// Sends what has happened by now.
    async fn go_on(&mut self, line: &Line, tell: &mut impl FnMut(&Entry)) -> Result<(), Status> {
        let mut broken = Ok(());
        for message in self.happen(tell) {
            broken = broken.and(self.send(line, message).await);
        }
        broken
    }

    /// What has happened by now: noted, and kept until a token holds it.
    fn happen(&mut self, tell: &mut impl FnMut(&Entry)) -> Vec<CallEvent> {
        let at = self.now();
        let mut messages = Vec::new();
        for event in self.caller.advance(at) {
            self.seq += 1;
            let seq = Some(self.seq);
            if let Some(message) = wire::pb_event(self.seq, at.ms(), &event) {
                self.kept.push_back((self.seq, message.clone()));
                messages.push(message);
            }
            self.note(Entry::Event { at, seq, event }, tell);
        }
        messages
    }

    /// Sends an event, with whatever goes wrong on the way. A stream that is gone shows at the next
    /// turn.
    async fn send(&mut self, line: &Line, message: CallEvent) -> Result<(), Status> {
        let fault = self.faults.draw();
        let first = match fault {
            Fault::Drop => {
                self.lost_at = Some(Instant::now());
                None
            }
            Fault::Reorder if self.held.is_none() => {
                self.lost_at = Some(Instant::now());
                self.held = Some(message);
                return Ok(());
            }
            Fault::Duplicate => {
                let _ = line.events.send(message.clone()).await;
                Some(message)
            }
            Fault::None | Fault::Delay | Fault::Reorder | Fault::Reconnect => Some(message),
        };
        if fault == Fault::Delay {
            sleep(DELAY).await;
        }
        for message in first.into_iter().chain(self.held.take()) {
            let _ = line.events.send(message).await;
        }
        if fault == Fault::Reconnect {
            return Err(Status::unavailable("the stream was broken on purpose"));
        }
        Ok(())
    }

    fn take(&mut self, turn: CallTurn, tell: &mut impl FnMut(&Entry)) {
        if !turn.resume_token.is_empty() {
            self.token.clone_from(&turn.resume_token);
            self.kept.retain(|(seq, _)| *seq > turn.acked_event_seq);
        }
        let at = self.now();
        for mut action in wire::actions(turn) {
            if let Action::Play(play) = &mut action {
                for segment in &mut play.segments {
                    let known = self.lengths.get(segment.sha256.as_ref());
                    segment.duration_ms = known.copied().unwrap_or(segment.duration_ms);
                }
            }
            self.caller.apply(at, &action);
            self.note(Entry::Action { at, action }, tell);
        }
    }

    fn note(&mut self, entry: Entry, tell: &mut impl FnMut(&Entry)) {
        tell(&entry);
        self.entries.push(entry);
    }

    /// `CallEnded` is sent; the service acknowledges it and finishes the stream.
    async fn finish(
        &mut self,
        line: &mut Line,
        tell: &mut impl FnMut(&Entry),
    ) -> Result<(), Status> {
        self.go_on(line, tell).await?;
        if let Some(last) = self.held.take() {
            let _ = line.events.send(last).await;
        }
        let ended = tokio::time::timeout(FINISH, async {
            while let Some(turn) = line.turns.message().await? {
                self.take(turn, tell);
            }
            Ok(())
        });
        ended
            .await
            .unwrap_or_else(|_| Err(Status::unavailable("the stream did not finish")))
    }
}

/// The event that ends a call, if it is among these.
pub fn ended(entries: &[Entry]) -> bool {
    let end = |entry: &Entry| {
        matches!(
            entry,
            Entry::Event {
                event: Event::CallEnded { .. },
                ..
            }
        )
    };
    entries.iter().any(end)
}
