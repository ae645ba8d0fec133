//! Rows S9, S10, S11: a primary with a synchronous standby, both in a folder of the test's, behind one
//! address, while tickets are ordered. The oracle is the ticket system's ledger: no order that was
//! acknowledged is lost, none has two tickets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use dana::call::Locale;
use dana::lookup::{
    Attempt, Finding, Lookup, Network, Oss, OurTicket, Posted, Sought, TicketOrder, TicketResult,
    TicketsFinding,
};
use dana::store::{IntentState, Store};
use dana::tickets::{Desk, Settings};
use dana::time::WallTime;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use super::postgres::programs;
use super::*;

/// Starts both, says so, does as it is told until we are gone, takes both down. The new primary has
/// no standby yet: it waits for none, as whoever promotes it has to see to.
const SCRIPT: &str = r#"
folder=$1; bin=$2
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then chown nobody "$folder"; as() { setpriv --reuid=nobody --clear-groups "$@"; }; fi
cd "$folder"
set_up() {
    as mkdir one two &&
    as "$bin/initdb" -D one/data -U dana -A trust -E UTF8 --locale=C &&
    printf "unix_socket_directories = '%s'\nlisten_addresses = ''\nsynchronous_standby_names = '*'\n" "$folder/one" >> one/data/postgresql.conf &&
    as "$bin/pg_ctl" -D one/data -w -l one/server start &&
    as "$bin/pg_basebackup" -h "$folder/one" -U dana -D two/data -R -X stream -c fast &&
    printf "unix_socket_directories = '%s'\nsynchronous_standby_names = ''\n" "$folder/two" >> two/data/postgresql.conf &&
    as "$bin/pg_ctl" -D two/data -w -l two/server start
}
processes() { main=$(head -n 1 "$1/data/postmaster.pid"); echo "$main" $(ps -o pid= --ppid "$main"); }
take_down() {
    for node in one two; do
        kill -CONT $(processes "$node")
        as "$bin/pg_ctl" -D "$node/data" -m immediate stop
    done > log 2>&1
    rm -rf "$folder"
}
set_up > log 2>&1 || { cat log; take_down; exit 1; }
echo ready
while read -r command node; do
    case $command in
        # Where nobody takes leave of the dead, their locks look like those of the living.
        kill) kill -KILL $(processes "$node") && rm "$node/data/postmaster.pid" "$node"/.s.PGSQL.*.lock ;;
        freeze) kill -STOP $(processes "$node") ;;
        thaw) kill -CONT $(processes "$node") ;;
        *) as "$bin/pg_ctl" -D "$node/data" -w -l "$node/server" "$command" >> log 2>&1 ;;
    esac
    echo "$command $node $?"
done
take_down
"#;

/// The two servers, `one` and `two`.
struct Pair {
    folder: PathBuf,
    shell: Child,
    said: BufReader<ChildStdout>,
}

impl Pair {
    fn start() -> Option<Self> {
        let programs = programs("pg_basebackup")?;
        let folder = tempfile::Builder::new().prefix("dana-pair").tempdir();
        let folder = folder.expect("a folder").keep();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .args([&folder, &programs])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let said = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut pair = Self {
            folder,
            shell,
            said,
        };
        let mut said = pair.line();
        if said != "ready\n" {
            let _ = pair.said.read_to_string(&mut said);
            panic!("it does not start:\n{said}");
        }
        Some(pair)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("a line");
        line
    }

    /// `kill`, `freeze`, `thaw`, `promote` or `start`, and which.
    fn tell(&mut self, words: &str) {
        let stdin = self.shell.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{words}").expect("it listens");
        let answer = block_in_place(|| self.line());
        assert_eq!(answer, format!("{words} 0\n"));
    }

    fn socket(&self, node: &str) -> PathBuf {
        self.folder.join(node).join(".s.PGSQL.5432")
    }
}

/// The one address of both, as a balancer or an address that moves gives it: leads to one of them.
struct Address {
    leads: watch::Sender<PathBuf>,
    at: SocketAddr,
}

impl Address {
    async fn of(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let (leads, led) = watch::channel(socket);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, led.clone()));
            }
        });
        Self { leads, at }
    }

    async fn store(&self) -> Sql {
        let url = format!("postgres://dana@{}/postgres", self.at);
        let url = StoreUrl::parse(&url).expect("a URL");
        Sql::open(&url, &keys()).await.expect("a store")
    }
}

/// Until one side goes away, or the address leads elsewhere.
async fn lead(mut client: TcpStream, mut led: watch::Receiver<PathBuf>) {
    let socket = led.borrow_and_update().clone();
    let Ok(mut server) = UnixStream::connect(socket).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = led.changed() => {}
    }
}

/// A ticket system that does at once what it is asked; its tickets by key.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Ledger {
    fn of(&self, key: &str) -> Vec<String> {
        let tickets = self.0.lock().expect("no panic");
        tickets.get(key).cloned().unwrap_or_default()
    }
}

impl Oss for Ledger {
    async fn look_up(&self, _: Lookup) -> Finding {
        Finding::Tickets(TicketsFinding::None)
    }

    fn render(&self, order: &TicketOrder) -> Vec<u8> {
        order.key.clone().into_bytes()
    }

    async fn post_ticket(&self, key: &str, _: &Login, body: &[u8], _: Duration) -> Posted {
        assert_eq!(body, key.as_bytes(), "the frozen bytes");
        let mut tickets = self.0.lock().expect("no panic");
        let id = format!("TT-{}", tickets.values().map(Vec::len).sum::<usize>());
        tickets.entry(key.to_owned()).or_default().push(id.clone());
        Posted::Created(id)
    }

    async fn find_ticket(&self, key: &str, _: &Login, _: Duration) -> Sought {
        match <[String; 1]>::try_from(self.of(key)) {
            Ok([id]) => Sought::One(id),
            Err(ids) if ids.is_empty() => Sought::None,
            Err(ids) => Sought::Several(ids),
        }
    }

    async fn our_tickets(&self) -> Option<Vec<OurTicket>> {
        None
    }
}

/// Orders that were made, and what their callers were told.
#[derive(Clone, Default)]
struct Orders {
    next: Arc<AtomicU32>,
    told: Arc<Mutex<BTreeMap<String, TicketResult>>>,
}

impl Orders {
    /// Makes one more; its key.
    async fn make(&self, desk: &Desk<Sql, Ledger>) -> (String, TicketResult) {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let order = TicketOrder {
            key: format!("ivr:gateway:c-{index}:1:technicianVisit"),
            login: Login::new(&format!("07{index:08}")).expect("a login"),
            customer: "C-1".to_owned(),
            contact: number(index % 1_000),
            locale: Locale::Ru,
            test: "ST-1".to_owned(),
            call_began: WallTime::from_unix_ms(1_760_418_000_000),
        };
        let key = order.key.clone();
        let result = desk.create_ticket(order, Attempt::First).await;
        let mut told = self.told.lock().expect("no panic");
        told.insert(key.clone(), result.clone());
        (key, result)
    }

    /// Makes orders until `stop`.
    async fn go_on(self, desk: Desk<Sql, Ledger>, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if self.make(&desk).await.1 == TicketResult::Unavailable {
                // Callers do not come faster because they are handed over.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn created(&self) -> usize {
        let told = self.told.lock().expect("no panic");
        let created = |result: &&TicketResult| matches!(result, TicketResult::Created { .. });
        told.values().filter(created).count()
    }

    /// Waits until so many more callers got a ticket.
    async fn created_more(&self, count: usize) {
        let wanted = self.created() + count;
        let waits = async {
            while self.created() < wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(MINUTE, waits).await;
        waited.expect("orders go on");
    }

    /// What is not, or not yet, as its caller was told.
    async fn wrong(&self, store: &Sql, ledger: &Ledger) -> Vec<String> {
        let told = self.told.lock().expect("no panic").clone();
        let mut wrong = Vec::new();
        for (key, result) in told {
            let intent = store.intent(&key).await.expect("an answer");
            let stands = intent.map(|intent| (intent.state, intent.ticket));
            let tickets = ledger.of(&key);
            let is_right = match (&result, &stands) {
                (TicketResult::Created { id }, Some((IntentState::Done, Some(ticket)))) => {
                    id == ticket && tickets == [ticket.clone()]
                }
                (TicketResult::Unconfirmed, Some((IntentState::Done, Some(ticket)))) => {
                    tickets == [ticket.clone()]
                }
                // The caller was handed over: it is the operator's, or was never recorded.
                (TicketResult::Unavailable, None | Some((IntentState::HandedOver, None))) => {
                    tickets.is_empty()
                }
                _ => false,
            };
            if !is_right {
                wrong.push(format!(
                    "{key}: told {result:?}, is {stands:?}, has {tickets:?}"
                ));
            }
        }
        wrong
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_s10_s11_a_standby_takes_over_and_no_acknowledged_order_is_lost() {
    let Some(mut pair) = block_in_place(Pair::start) else {
        return;
    };
    let address = Address::of(pair.socket("one")).await;
    let (store, ledger, orders) = (address.store().await, Ledger::default(), Orders::default());
    let settings = Settings {
        quiet: AT_ONCE,
        within: Duration::from_secs(1),
        backlog_per_second: 1_000,
        ..Settings::default()
    };
    let desk = Desk::new(store.clone(), ledger.clone(), settings, Handle::current());
    let works = desk.clone();
    tokio::spawn(async move { works.work("test".to_owned(), std::future::pending()).await });

    // S10. What is on one machine only is not acknowledged, and nothing is sent for it.
    pair.tell("freeze two");
    let (key, result) = orders.make(&desk).await;
    assert_eq!(
        (result, ledger.of(&key)),
        (TicketResult::Unavailable, vec![])
    );
    pair.tell("thaw two");

    // S9. The primary is killed under orders.
    let (stop, stopped) = watch::channel(false);
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        writers.spawn(orders.clone().go_on(desk.clone(), stopped.clone()));
    }
    orders.created_more(100).await;
    pair.tell("kill one");
    pair.tell("promote two");
    address.leads.send_replace(pair.socket("two"));
    orders.created_more(100).await;
    stop.send_replace(true);
    while writers.join_next().await.is_some() {}

    // S11. The old one comes back, and is taken for the primary by mistake: it acknowledges nothing.
    pair.tell("start one");
    address.leads.send_replace(pair.socket("one"));
    let (key, result) = orders.make(&desk).await;
    assert_eq!(
        (result, ledger.of(&key)),
        (TicketResult::Unavailable, vec![])
    );
    address.leads.send_replace(pair.socket("two"));

    let began = tokio::time::Instant::now();
    loop {
        let wrong = orders.wrong(&store, &ledger).await;
        if wrong.is_empty() {
            break;
        }
        assert!(began.elapsed() < MINUTE, "{}", wrong.join("\n"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        store.intent(&key).await,
        Ok(None),
        "only the old primary has it"
    );
}
