//! A scripted gateway: drives a real service over gRPC as the contract asks of a gateway, in real
//! time or faster, and resumes its calls when the service is lost. Never looks behind the contract.

mod faults;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Uri};
use tonic::{Code, Status, Streaming};
use tower::service_fn;

use crate::call::{CallId, Locale, PhoneNumber};
use crate::caller::turns::{ScriptedCaller, Turn};
use crate::caller::{Caller, MediaSide};
pub use crate::client::faults::Faults;
use crate::client::faults::{DELAY, Fault, OUTLIVES};
use crate::dialog::action::Action;
use crate::dialog::event::{Capabilities, Event, Offer};
use crate::gateway::wire::gateway as wire;
use crate::gateway::wire::pb::call_gateway_client::CallGatewayClient;
use crate::gateway::wire::pb::{CallEvent, CallTurn, ListPromptsRequest};
use crate::journal::{Entry, Header};
use crate::time::{CallTime, WallTime};

/// How long a lost service is dialled again before the call is given up.
const REDIAL: Duration = Duration::from_secs(10);
/// Pause between two dials.
const REDIAL_EVERY: Duration = Duration::from_millis(200);
/// A sign of life in the silence.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Events that wait to be taken.
const QUEUE: usize = 512;
/// How long the service may take to finish the stream after the call.
const FINISH: Duration = Duration::from_secs(5);
/// Bytes on the way in a pipe: some hundred turns.
const PIPE: usize = 64 * 1024;

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
}

/// Where a service is.
#[derive(Clone, Debug)]
pub enum Target {
    /// At a URL, `http://host:port`.
    At(String),
    /// In this process, without a port: on virtual time nothing is left to the machine.
    Pipe(Pipe),
}

/// Connections to a service of this process; dropped, it is not to be reached any more.
pub type Pipe = mpsc::Sender<io::Result<DuplexStream>>;

/// A pipe, and the connections for [`Gateway::serve_on`](crate::gateway::Gateway::serve_on).
pub fn pipe() -> (Pipe, ReceiverStream<io::Result<DuplexStream>>) {
    let (pipe, connections) = mpsc::channel(1);
    (pipe, ReceiverStream::new(connections))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(url) => f.write_str(url),
            Self::Pipe(_) => f.write_str("the service of this process"),
        }
    }
}

/// How long clips are in milliseconds, by their hash.
pub type Lengths = BTreeMap<String, u32>;

/// Asks a service at `target` how long its clips are, as a gateway that fetches them would know.
pub async fn lengths(target: &Target) -> Result<Lengths, CallFailure> {
    let unreachable = || CallFailure::Unreachable {
        target: target.to_string(),
    };
    let channel = channel(target).await.ok_or_else(unreachable)?;
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
    #[error("cannot reach {target} for {} s", REDIAL.as_secs())]
    Unreachable {
        /// The address.
        target: String,
    },
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
    let mut gateway = Gateway {
        target,
        began: Instant::now(),
        speed: plan.speed.max(1),
        lengths: Arc::clone(&plan.lengths),
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
    let from = plan.from.as_ref();
    let offer = wire::pb_offer(&plan.call, from, plan.locale, plan.at);
    let taken_by = Instant::now() + REDIAL;
    let mut line = gateway.dial(vec![offer.clone()]).await?;
    loop {
        match gateway.serve(&mut line, &mut tell).await {
            Ok(()) => return Ok(gateway.entries),
            // A gap is what the service refuses when events are lost on the way to it.
            Err(status)
                if (is_lost(&status) || status.code() == Code::FailedPrecondition)
                    && !gateway.token.is_empty()
                    && gateway.resumes < MAX_RESUMES =>
            {
                line = match gateway.resume(&plan.call).await {
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
                tokio::time::sleep(REDIAL_EVERY).await;
                line = gateway.dial(vec![offer.clone()]).await?;
            }
            Err(status) => return Err(CallFailure::Refused(Box::new(status))),
        }
    }
}

fn header(plan: &Plan) -> Header {
    let offer = Offer {
        call: plan.call.clone(),
        call_key: plan.call.to_string(),
        from: plan.from.clone(),
        to: "3131".to_owned(),
        locale: plan.locale,
        capabilities: Capabilities {
            recognizer: true,
            transfer: true,
        },
        began: plan.at,
    };
    Header::new(String::new(), 0, 0, offer)
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
    began: Instant,
    speed: u32,
    lengths: Arc<Lengths>,
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

    async fn dial(&self, first: Vec<CallEvent>) -> Result<Line, CallFailure> {
        let give_up = Instant::now() + REDIAL;
        loop {
            let line = open(self.target, &first).await;
            match line {
                Ok(line) => return Ok(line),
                Err(Some(status)) if !is_lost(&status) => {
                    return Err(CallFailure::Refused(Box::new(status)));
                }
                Err(_) if Instant::now() < give_up => tokio::time::sleep(REDIAL_EVERY).await,
                Err(_) => {
                    let target = self.target.to_string();
                    return Err(CallFailure::Unreachable { target });
                }
            }
        }
    }

    /// The newest token, then what it does not hold.
    async fn resume(&mut self, call: &CallId) -> Result<Line, CallFailure> {
        let last = self.kept.back().map_or(0, |(seq, _)| *seq);
        let resumed = wire::pb_resume(call, self.token.clone(), last, self.now().ms());
        let again = self.kept.iter().map(|(_, event)| event.clone());
        let first = [resumed].into_iter().chain(again).collect();
        self.resumes += 1;
        (self.held, self.lost_at) = (None, None);
        self.dial(first).await
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
                () = tokio::time::sleep_until(wake) => {
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
        let at = self.now();
        for event in self.caller.advance(at) {
            self.seq += 1;
            self.note(
                Entry::Event {
                    at,
                    seq: Some(self.seq),
                    event: event.clone(),
                },
                tell,
            );
            if let Some(message) = wire::pb_event(self.seq, at.ms(), &event) {
                self.kept.push_back((self.seq, message.clone()));
                broken = broken.and(self.send(line, message).await);
            }
        }
        broken
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
            tokio::time::sleep(DELAY).await;
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

async fn channel(target: &Target) -> Option<Channel> {
    let pipe = match target {
        Target::At(url) => {
            let endpoint = Channel::from_shared(url.clone()).ok()?;
            return endpoint.connect_timeout(FINISH).connect().await.ok();
        }
        Target::Pipe(pipe) => pipe.clone(),
    };
    let dial = service_fn(move |_: Uri| {
        let pipe = pipe.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(PIPE);
            let gone = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
            pipe.send(Ok(theirs)).await.map_err(gone)?;
            io::Result::Ok(TokioIo::new(ours))
        }
    });
    let endpoint = Channel::from_static("http://pipe");
    endpoint.connect_with_connector(dial).await.ok()
}

async fn open(target: &Target, first: &[CallEvent]) -> Result<Line, Option<Status>> {
    let channel = channel(target).await.ok_or(None)?;
    let (events, receiver) = mpsc::channel(QUEUE);
    for event in first {
        events.send(event.clone()).await.map_err(|_| None)?;
    }
    let turns = CallGatewayClient::new(channel)
        .converse(ReceiverStream::new(receiver))
        .await;
    Ok(Line {
        events,
        turns: turns.map_err(Some)?.into_inner(),
    })
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
