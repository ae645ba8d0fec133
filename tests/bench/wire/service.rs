//! The services that are measured, each in a process of its own on a core of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::call::{CallId, Disposition, Locale, Login, PhoneNumber};
use dana::clock;
use dana::dialog::action::Action;
use dana::dialog::event::{Capabilities, Offer};
use dana::gateway::wire::service::pb_turn;
use dana::gateway::{Gateway, Settings};
use dana::journal::Retention;
use dana::journal::recorder::{Recorder, Tell};
use dana::load::caller::Caller;
use dana::load::{Process, Situation};
use dana::lookup::{
    Access, Attempt, FeeFinding, Finding, Line, LineTestFinding, Lookup, Network, Oss, OurTicket,
    OutageFinding, Posted, Sought, Subscriber, SubscriberFinding, TicketOrder, TicketResult,
    TicketsFinding,
};
use dana::network;
use dana::network::TmForum;
use dana::problem::Source;
use dana::records;
use dana::records::Spool;
use dana::script::parse;
use dana::seal::Keys;
use dana::session::{ClockSource, Link, Reply, Session, Shared};
use dana::store::StoreUrl;
use dana::store::memory::Memory;
use dana::store::sql::Sql;
use dana::tickets;
use dana::tickets::Desk;
use dana::token::{MasterKey, TokenKeys};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tracing::Span;

use crate::floor;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bare tonic as Dana is tuned.
    Floor,
    /// The same, with Dana's encoder.
    Framed,
    /// Bare tonic as it comes.
    Untuned,
    /// All of Dana but HTTP to the back ends.
    Dana,
    /// The same, with tickets and call records in a store.
    Stored,
    /// All of Dana, on back ends behind HTTP.
    Whole,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Untuned, Self::Floor, Self::Framed, Self::Dana];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Framed => "framed",
            Self::Untuned => "untuned",
            Self::Dana => "dana",
            Self::Stored => "stored",
            Self::Whole => "whole",
        }
    }
}

/// Pins this thread and those it starts.
pub(crate) fn pin(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).expect("the cores are there");
}

/// Where the services write. It is deleted when all is measured, and nothing before: ext4 makes new
/// files slowly for minutes after many were deleted.
pub(crate) static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let served = std::env::args().skip_while(|argument| argument != "serve");
    let given = served.skip(5).map(PathBuf::from).next();
    given.unwrap_or_else(|| tempfile::tempdir().expect("a folder").keep())
});

/// A service that runs.
pub(crate) struct Running {
    child: Child,
    /// `host:port`.
    pub(crate) target: String,
}

impl Running {
    /// Starts it with so many runtimes on these cores.
    pub(crate) fn start(kind: Kind, workers: usize, cores: &[usize]) -> Self {
        Self::on(kind, workers, cores, "")
    }

    /// The same, with the root of its back ends or the URL of its store.
    pub(crate) fn on(kind: Kind, workers: usize, cores: &[usize], root: &str) -> Self {
        let cores: Vec<String> = cores.iter().map(ToString::to_string).collect();
        let own = std::env::current_exe().expect("our own path");
        let mut child = Command::new(own)
            .args([
                "serve",
                kind.name(),
                &workers.to_string(),
                &cores.join(","),
                root,
                &FOLDER.display().to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its port");
        let target = format!("127.0.0.1:{}", line.trim());
        Self { child, target }
    }

    pub(crate) fn process(&self) -> Process {
        Process::new(self.child.id())
    }
}

impl Drop for Running {
    /// It ends when nobody is there any more, and says what it lost.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The child: serves until its parent is gone.
pub(crate) fn serve(arguments: &[String]) {
    let [kind, workers, cores, root, _] = arguments else {
        panic!("serve KIND WORKERS CORES ROOT FOLDER");
    };
    let all = Kind::ALL.into_iter().chain([Kind::Stored, Kind::Whole]);
    let kind = { all }.find(|known| known.name() == kind);
    let kind = kind.expect("a kind");
    let cores: Vec<usize> = cores.split(',').flat_map(str::parse).collect();
    pin(&cores);
    dana::serve::raise_open_files().expect("files");
    let folder = tempfile::tempdir_in(FOLDER.as_path())
        .expect("a folder")
        .keep();
    // Where the store is and orders are made, beside the calls.
    let home = runtime();
    let (serving, recorder) = made(kind, root, &folder, &home);
    std::thread::spawn(move || home.block_on(std::future::pending::<()>()));
    let mut port = 0;
    for _ in 0..workers.parse().expect("a number") {
        let runtime = runtime();
        let listener = {
            let _entered = runtime.enter();
            listen(port)
        };
        port = listener.local_addr().expect("an address").port();
        let serving = serving.clone();
        std::thread::spawn(move || match serving {
            Serving::Dana(gateway) => take(&runtime, gateway, listener),
            Serving::Stored(gateway) => take(&runtime, gateway, listener),
            Serving::Whole(gateway) => take(&runtime, gateway, listener),
            Serving::Echo(tape, Kind::Untuned) => {
                runtime.block_on(floor::untuned(listener, tape));
            }
            Serving::Echo(tape, kind) => {
                runtime.block_on(floor::tuned(listener, tape, kind == Kind::Framed));
            }
        });
    }
    println!("{port}");
    let _ = std::io::stdin().read(&mut [0]);
    if recorder.lost() > 0 {
        eprintln!(
            "{}: {} journal entries were lost",
            kind.name(),
            recorder.lost()
        );
    }
}

/// What serves, and what writes its journals.
fn made(kind: Kind, root: &str, folder: &Path, home: &Runtime) -> (Serving, Recorder) {
    let bundle = Bundle::load(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("our own bundle");
    let settings = tickets::Settings::default();
    let untold = || recorder(folder, Box::new(|_| {}));
    match kind {
        Kind::Dana => {
            let recorder = untold();
            let gateway = dana(bundle, BackEnds, recorder.clone());
            (Serving::Dana(gateway), recorder)
        }
        Kind::Stored => {
            let spool = Spool::open(&folder.join("spool"), &sealing()).expect("a spool");
            let spool = Arc::new(spool);
            let told = Arc::clone(&spool);
            let recorder = recorder(folder, Box::new(move |record| told.push(record)));
            let store = home.block_on(store(root, folder));
            let desk = Desk::new(store, Customers::default(), settings, home.handle().clone());
            let shipped = desk.clone();
            home.spawn(async move {
                let keep = ("benchmark", Duration::from_hours(24));
                records::work(&spool, shipped.store(), keep, std::future::pending()).await;
            });
            let gateway = dana(bundle, desk, recorder.clone());
            (Serving::Stored(gateway), recorder)
        }
        Kind::Whole => {
            let recorder = untold();
            let oss = TmForum::new(network::Settings::new(root)).expect("an HTTP client");
            let desk = Desk::new(Memory::default(), oss, settings, home.handle().clone());
            let gateway = dana(bundle, desk, recorder.clone());
            (Serving::Whole(gateway), recorder)
        }
        Kind::Floor | Kind::Framed | Kind::Untuned => {
            (Serving::Echo(tape(&bundle), kind), Recorder::nowhere())
        }
    }
}

/// Serves until the process ends.
fn take<N: Network>(runtime: &Runtime, gateway: Gateway<N>, listener: TcpListener) {
    let served = runtime.block_on(gateway.serve(listener, std::future::pending()));
    served.expect("it serves");
}

#[derive(Clone)]
enum Serving {
    Dana(Gateway<BackEnds>),
    Stored(Gateway<Desk<Sql, Customers>>),
    Whole(Gateway<Desk<Memory, TmForum>>),
    Echo(floor::Tape, Kind),
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn listen(port: u16) -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("a shared port");
    socket.bind(([127, 0, 0, 1], port).into()).expect("a port");
    socket.listen(1_024).expect("it listens")
}

fn shared<N>(back_ends: N, recorder: Recorder) -> Shared<N> {
    Shared {
        network: Arc::new(back_ends),
        recorder,
        clock: ClockSource::Server,
    }
}

fn keys() -> TokenKeys {
    let key = MasterKey {
        id: 1,
        secret: [7; 32],
    };
    TokenKeys::new(vec![key]).expect("a key")
}

/// Sealed, as the service writes them.
fn sealing() -> Keys {
    Keys::new([(1, [9; 32])])
}

fn recorder(folder: &Path, tell: Tell) -> Recorder {
    let keep = Retention::FOR_EVER;
    Recorder::to_folder_telling(folder, sealing(), keep, tell).expect("a folder")
}

/// The store at that URL; a new SQLite file without one.
async fn store(url: &str, folder: &Path) -> Sql {
    let own = format!("sqlite:{}", folder.join("store.db").display());
    let url = StoreUrl::parse(if url.is_empty() { &own } else { url });
    let store = Sql::open(&url.expect("the URL of a store"), &sealing()).await;
    store.expect("a store")
}

fn dana<N: Network>(bundle: Arc<Bundle>, back_ends: N, recorder: Recorder) -> Gateway<N> {
    let settings = Settings {
        max_calls: 100_000,
        max_connections: 10_000,
        ..Settings::default()
    };
    Gateway::new(settings, bundle, shared(back_ends, recorder), keys())
}

/// The call that is made: a damaged cable, to the ticket.
pub(crate) fn situation() -> Arc<Situation> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/cable_fault_ticket_ru.call");
    let text = std::fs::read_to_string(&path).expect("our own script");
    let script = parse::parse(&Source::new("cable fault", text)).expect("our own script");
    Arc::new(Situation::new("cable fault", &script).expect("a situation"))
}

/// A caller of the mass outage: he hears of it, and hangs up.
pub(crate) fn outage(number: &str) -> Arc<Situation> {
    let text =
        "caller\n  confirm_home  says \"да домашний\"\n  anything_else  says \"нет спасибо\"\n";
    let mut script = parse::parse(&Source::new("outage", text)).expect("our own script");
    script.situation.number = PhoneNumber::parse(number);
    let ends = Disposition::InformedOutage;
    Arc::new(Situation::ending("outage", &script, ends).expect("a situation"))
}

/// The turns of that call: for each event what Dana says to it, as one message.
pub(crate) fn tape(bundle: &Arc<Bundle>) -> floor::Tape {
    runtime().block_on(async {
        let call = CallId::new("load-1-0-100000").expect("an id");
        let offer = Offer {
            call_key: format!("gateway:{call}:1760000000000").into(),
            call: call.clone(),
            from: PhoneNumber::parse("+77770000101"),
            to: "3131".to_owned(),
            locale: Some(Locale::Ru),
            capabilities: Capabilities {
                recognizer: true,
                transfer: true,
            },
            began: clock::now(),
        };
        let link = Link {
            sealer: keys().sealer("gateway", &call).expect("a key"),
            span: Span::none(),
        };
        let shared = Arc::new(shared(BackEnds, Recorder::nowhere()));
        let (mut session, reply) =
            Session::offered(shared, Arc::clone(bundle), offer.into(), link, 0);
        let mut caller = Caller::new(situation());
        let mut turns = vec![whole(&mut session, reply, &mut caller).await];
        while let Some(event) = caller.next_event() {
            let seq = u64::try_from(turns.len()).expect("a number") + 1;
            let reply = session
                .event(seq, 0, event)
                .expect("in order")
                .expect("new");
            turns.push(whole(&mut session, reply, &mut caller).await);
        }
        turns.into()
    })
}

/// A reply, with all that follows it at once.
async fn whole(
    session: &mut Session<BackEnds>,
    mut reply: Reply,
    caller: &mut Caller,
) -> dana::gateway::wire::pb::CallTurn {
    // A ticket is ordered in a task of its own.
    for _ in 0..10 {
        tokio::task::yield_now().await;
        let more = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match session.poll(cx) {
                std::task::Poll::Ready(reply) => Some(reply),
                std::task::Poll::Pending => None,
            })
        });
        if let Some(more) = more.await {
            reply.actions.extend(more.actions);
        }
    }
    for action in &reply.actions {
        match action {
            Action::Answer => caller.answer(),
            Action::Play(play) => caller.play(play.id),
            Action::Listen(listen) => caller.listen(listen.id, listen.question),
            Action::HangUp { disposition, .. } => caller.hang_up(Some(*disposition)),
            Action::StopPlayback => caller.stop_playback(),
            Action::StopListening => caller.stop_listening(),
            Action::Transfer(transfer) => caller.transfer(transfer.id, transfer.queue),
            Action::Reject { .. } | Action::LookUp(_) | Action::CreateTicket(..) => {}
        }
    }
    pb_turn(
        reply.seq,
        reply.acked_event_seq,
        reply.token,
        &reply.actions,
    )
}

/// Back ends that answer at once: a damaged cable, and nothing in the way of a ticket.
pub(crate) struct BackEnds;

/// What they answer, of the customer with that login.
fn answer(lookup: &Lookup, login: &str) -> Finding {
    match lookup {
        Lookup::Subscriber { .. } => Finding::Subscriber(SubscriberFinding::Known(Subscriber {
            customer: "C-1000123".to_owned(),
            language: Some(Locale::Ru),
            lines: vec![Line {
                login: Login::new(login).expect("a login"),
                house: Some("HOUSE-1".to_owned()),
                address: None,
                resource: Some("NODE-1".to_owned()),
                account: Some("BA-1".to_owned()),
                access: Access::Fttb,
                suspended: false,
                in_package: false,
            }],
        })),
        Lookup::Outage { .. } => Finding::Outage(OutageFinding::None),
        Lookup::Tickets { .. } => Finding::Tickets(TicketsFinding::None),
        Lookup::LineTest { .. } => Finding::LineTest(LineTestFinding::CableFault {
            test: "ST-1".to_owned(),
        }),
        Lookup::Fee { .. } => Finding::Fee(FeeFinding::Paid),
    }
}

impl Network for BackEnds {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        answer(&lookup, "0770000101")
    }

    async fn create_ticket(&self, _: TicketOrder, _: Attempt) -> TicketResult {
        TicketResult::Created {
            id: "TT-900345".to_owned(),
        }
    }
}

/// The same, and every caller is another customer, with a ticket of his own.
#[derive(Default)]
pub(crate) struct Customers(AtomicU32);

impl Customers {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Oss for Customers {
    async fn look_up(&self, lookup: Lookup) -> Finding {
        answer(&lookup, &format!("077{:07}", self.next()))
    }

    fn render(&self, order: &TicketOrder) -> Vec<u8> {
        order.key.clone().into_bytes()
    }

    async fn post_ticket(&self, _: &str, _: &Login, _: &[u8], _: Duration) -> Posted {
        Posted::Created(format!("TT-{}", self.next()))
    }

    async fn find_ticket(&self, _: &str, _: &Login, _: Duration) -> Sought {
        Sought::None
    }

    async fn our_tickets(&self) -> Option<Vec<OurTicket>> {
        None
    }
}
