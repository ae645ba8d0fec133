//! The gateway service over real loopback connections: calls, resumes, refusals, and the traps that
//! a busy line sets.

pub(crate) mod authority;
mod bad_input;
mod certificates;
mod clients;
mod crowd;
mod frames;
mod handed_over;
mod load;
mod odd_callers;
mod odd_gateways;
mod overload;
mod prompts;
mod round_trip;
mod whole_calls;

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use dana::bundle::Bundle;
use dana::call::{Locale, Login};
use dana::gateway::wire::pb;
use dana::gateway::wire::pb::call_event::Event as Happened;
use dana::gateway::wire::pb::call_gateway_client::CallGatewayClient;
use dana::gateway::{Gateway, Settings};
use dana::journal::recorder::Recorder;
use dana::lookup::{
    Access, Attempt, FeeFinding, Finding, Line, LineTestFinding, Lookup, Network, OutageFinding,
    Subscriber, SubscriberFinding, TicketOrder, TicketResult, TicketsFinding,
};
use dana::session::{ClockSource, Shared};
use dana::token::{MasterKey, TokenKeys};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

static BUNDLE: LazyLock<Arc<Bundle>> =
    LazyLock::new(|| Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle"));

/// Back ends that find a damaged cable at once, and count the tickets that they create.
#[derive(Clone, Default)]
struct BackEnds {
    tickets: Arc<Mutex<Vec<(String, Attempt)>>>,
}

impl BackEnds {
    /// Keys of the tickets that exist: one a key.
    fn tickets(&self) -> Vec<String> {
        let tickets = self.tickets.lock().expect("no test panics with it");
        let mut keys: Vec<String> = tickets.iter().map(|(key, _)| key.clone()).collect();
        keys.dedup();
        keys
    }
}

impl BackEnds {
    fn attempts(&self) -> Vec<Attempt> {
        let tickets = self.tickets.lock().expect("no test panics with it");
        tickets.iter().map(|(_, attempt)| *attempt).collect()
    }
}

impl Network for BackEnds {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        let line = Line {
            login: Login::new("0770000101").expect("a login"),
            house: Some("HOUSE-1".to_owned()),
            address: None,
            resource: None,
            account: Some("BA-1".to_owned()),
            access: Access::Fttb,
            suspended: false,
            in_package: false,
        };
        match lookup {
            Lookup::Subscriber { .. } => {
                Finding::Subscriber(SubscriberFinding::Known(Subscriber {
                    customer: "C-1".to_owned(),
                    language: Some(Locale::Ru),
                    lines: vec![line],
                }))
            }
            Lookup::Outage { .. } => Finding::Outage(OutageFinding::None),
            Lookup::Tickets { .. } => Finding::Tickets(TicketsFinding::None),
            Lookup::LineTest { .. } => Finding::LineTest(LineTestFinding::CableFault {
                test: "ST-1".to_owned(),
            }),
            Lookup::Fee { .. } => Finding::Fee(FeeFinding::Paid),
        }
    }

    async fn create_ticket(&self, order: TicketOrder, attempt: Attempt) -> TicketResult {
        self.tickets
            .lock()
            .expect("no test panics with it")
            .push((order.key, attempt));
        TicketResult::Created {
            id: "TT-900345".to_owned(),
        }
    }
}

/// A running service.
struct Replica {
    target: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

/// Starts a service on a free port; replicas of one service share back ends and key.
async fn replica<N: Network + Clone>(back_ends: &N, key: u8, settings: Settings) -> Replica {
    replica_on(&BUNDLE, back_ends, key, settings).await
}

async fn replica_on<N: Network + Clone>(
    bundle: &Arc<Bundle>,
    back_ends: &N,
    key: u8,
    settings: Settings,
) -> Replica {
    let shared = Shared {
        network: Arc::new(back_ends.clone()),
        recorder: Recorder::nowhere(),
        clock: ClockSource::Server,
    };
    let gateway = Gateway::new(settings, Arc::clone(bundle), shared, keys(key));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(async move {
        gateway.serve(listener, shutdown).await.expect("it serves");
    });
    Replica {
        target,
        stop,
        served,
    }
}

/// The keys that seal the tokens of such replicas.
fn keys(key: u8) -> TokenKeys {
    let master = MasterKey {
        id: 1,
        secret: [key; 32],
    };
    TokenKeys::new(vec![master]).expect("a key")
}

async fn connect(replica: &Replica) -> Channel {
    let endpoint = Channel::from_shared(replica.target.clone()).expect("an address");
    endpoint.connect().await.expect("it listens")
}

/// A gateway's end of one call, which plays in no time.
pub(crate) struct Call {
    events: mpsc::Sender<pb::CallEvent>,
    turns: Streaming<pb::CallTurn>,
    seq: u64,
    token: Vec<u8>,
}

impl Call {
    /// A stream on which nothing was sent.
    async fn open(channel: &Channel) -> Self {
        let (events, receiver) = mpsc::channel(1_000);
        let stream = ReceiverStream::new(receiver);
        let turns = CallGatewayClient::new(channel.clone())
            .converse(stream)
            .await;
        Self {
            events,
            turns: turns.expect("a stream").into_inner(),
            seq: 0,
            token: Vec::new(),
        }
    }

    /// A new call.
    pub(crate) async fn offer(channel: &Channel, id: &str) -> Self {
        let mut call = Self::open(channel).await;
        call.send(offered(id)).await;
        call
    }

    /// A call that goes on.
    async fn resume(channel: &Channel, id: &str, token: &[u8], acked: u64) -> Self {
        let mut call = Self::open(channel).await;
        call.seq = acked;
        let resumed = pb::CallResumed {
            call_id: id.to_owned(),
            resume_token: token.to_vec(),
            last_event_seq: acked,
            offset_ms: 0,
        };
        call.send_as(0, Happened::CallResumed(resumed)).await;
        call
    }

    /// Reads until all that was sent is in the newest token.
    pub(crate) async fn caught_up(&mut self) {
        while self.turn().await.expect("a turn").acked_event_seq < self.seq {}
    }

    /// The same call at another replica, from the newest token; to be caught up before.
    pub(crate) async fn go_on(self, channel: &Channel, id: &str) -> Self {
        Self::resume(channel, id, &self.token, self.seq).await
    }

    async fn send(&mut self, event: Happened) {
        self.seq += 1;
        self.send_as(self.seq, event).await;
    }

    async fn send_as(&mut self, seq: u64, event: Happened) {
        let event = pb::CallEvent {
            seq,
            offset_ms: 0,
            event: Some(event),
        };
        // A stream that the service has ended takes nothing more: the test sees its status.
        let _ = self.events.send(event).await;
    }

    pub(crate) async fn turn(&mut self) -> Result<pb::CallTurn, Status> {
        let turn = self
            .turns
            .message()
            .await?
            .ok_or_else(|| Status::ok("the stream is over"))?;
        self.token.clone_from(&turn.resume_token);
        Ok(turn)
    }

    /// Plays and listens until a question comes; gives its name and the listen's id.
    pub(crate) async fn question(&mut self) -> (String, u32) {
        loop {
            for action in self.turn().await.expect("a turn").actions {
                match action.action {
                    Some(pb::call_action::Action::Answer(_)) => {
                        self.send(Happened::CallAnswered(pb::CallAnswered {})).await;
                    }
                    Some(pb::call_action::Action::Play(play)) => {
                        self.send(Happened::PlaybackFinished(pb::PlaybackFinished {
                            playback_id: play.playback_id,
                            cause: pb::playback_finished::Cause::Completed.into(),
                            played_ms: 0,
                        }))
                        .await;
                    }
                    Some(pb::call_action::Action::Listen(listen)) => {
                        return (listen.question, listen.listen_id);
                    }
                    Some(pb::call_action::Action::HangUp(hang_up)) => {
                        return (format!("hang up: {}", hang_up.disposition), 0);
                    }
                    Some(pb::call_action::Action::Transfer(transfer)) => {
                        return (
                            format!("transfer: {}", transfer.reason),
                            transfer.transfer_id,
                        );
                    }
                    Some(_) | None => {}
                }
            }
        }
    }

    pub(crate) async fn say(&mut self, listen: u32, text: &str) {
        let heard = pb::Alternative {
            text: text.to_owned(),
            confidence_permille: Some(900),
        };
        self.send(Happened::ListenFinished(pb::ListenFinished {
            listen_id: listen,
            cause: pb::listen_finished::Cause::Speech.into(),
            alternatives: vec![heard],
            ..pb::ListenFinished::default()
        }))
        .await;
    }

    /// Answers the next question, which has to be that one.
    pub(crate) async fn answer(&mut self, question: &str, text: &str) {
        let (asked, listen) = self.question().await;
        assert_eq!(asked, question);
        self.say(listen, text).await;
    }

    /// Reads to the end of the stream; the status that it ended with.
    async fn status(&mut self) -> Status {
        loop {
            match self.turn().await {
                Ok(_) => {}
                Err(status) => return status,
            }
        }
    }
}

fn offered(id: &str) -> Happened {
    Happened::CallOffered(pb::CallOffered {
        call_id: id.to_owned(),
        from: "+77770000101".to_owned(),
        to: "3131".to_owned(),
        locale: "ru".to_owned(),
        ..pb::CallOffered::default()
    })
}

fn ended() -> Happened {
    Happened::CallEnded(pb::CallEnded {
        by: pb::call_ended::By::Caller.into(),
        sip_code: 0,
        q850_cause: 16,
    })
}

/// Code and reason of a refusal.
fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    (status.code(), reason.unwrap_or_default())
}
