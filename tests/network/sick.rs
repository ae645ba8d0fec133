//! Back ends that are sick, and crowds that ask them: neither may make the other worse.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dana::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

/// A server that counts requests and answers each, when it may, with what is set.
#[derive(Default)]
struct Server {
    asked: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// What it answers with; nothing is 503.
    body: Mutex<Option<String>>,
    /// While set, answers wait for `go`.
    held: AtomicBool,
    go: Notify,
}

impl Server {
    async fn start(set: impl FnOnce(&mut Settings)) -> (Arc<Self>, TmForum) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let root = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Arc::new(Self::default());
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).answer(stream));
            }
        });
        let mut settings = Settings {
            read: Duration::from_secs(3),
            ..Settings::new(root)
        };
        set(&mut settings);
        (server, TmForum::new(settings).expect("a client"))
    }

    async fn answer(self: Arc<Self>, mut stream: tokio::net::TcpStream) {
        let mut request = vec![0; 64 * 1024];
        // Whoever hangs up on us has seen enough.
        let _ = stream.read(&mut request).await;
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        while self.held.load(Ordering::SeqCst) {
            self.go.notified().await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let body = self.body.lock().expect("no panic").clone();
        let (status, body) = match &body {
            Some(body) => ("200 OK", body.as_str()),
            None => ("503 Service Unavailable", ""),
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all((answer + body).as_bytes()).await;
    }

    fn answers(&self, body: &str) {
        *self.body.lock().expect("no panic") = Some(body.to_owned());
    }

    fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.go.notify_waiters();
    }

    /// How often it was asked since the last time that this was called.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

async fn outage(client: &TmForum, line: Line) -> Finding {
    client.look_up(Lookup::Outage { line }).await
}

async fn tickets(client: &TmForum) -> Finding {
    let login = line(101).login;
    client.look_up(Lookup::Tickets { login }).await
}

/// One house, one node: two questions, whoever asks.
#[tokio::test]
async fn a_mass_outage_costs_the_inventory_one_question_a_house() {
    let (server, client) = Server::start(|_| {}).await;
    server.answers(
        "[{\"id\":\"SP-1\",\"status\":\"acknowledged\",\"affectedLocation\":[{\"id\":\"HOUSE-0770000101\"}]}]",
    );
    server.hold();
    let client = Arc::new(client);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let (client, line) = (
            Arc::clone(&client),
            Line {
                resource: None,
                ..line(101)
            },
        );
        callers.spawn(async move { outage(&client, line).await });
    }
    while server.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    server.let_go();
    let known = Finding::Outage(OutageFinding::Known { restored_at: None });
    while let Some(found) = callers.join_next().await {
        assert_eq!(found.expect("no panic"), known);
    }
    assert_eq!(server.asked(), 1);
    assert_eq!(
        outage(
            &client,
            Line {
                resource: None,
                ..line(101)
            }
        )
        .await,
        known
    );
    assert_eq!(server.asked(), 0, "it was told a moment ago");
    outage(
        &client,
        Line {
            resource: None,
            ..line(102)
        },
    )
    .await;
    assert_eq!(server.asked(), 1, "another house is another question");
}

/// A question that finds no answer is nobody's answer for long, and no crowd repeats it.
#[tokio::test]
async fn b18_a_crowd_at_a_dead_inventory_is_answered_at_once() {
    let (server, client) = Server::start(|_| {}).await;
    let unavailable = Finding::Outage(OutageFinding::Unavailable);
    for index in 101..=140 {
        let line = Line {
            resource: None,
            ..line(index)
        };
        assert_eq!(outage(&client, line).await, unavailable);
    }
    // 16 bad answers open the breaker; repeats are among them, out of a budget.
    let asked = server.asked();
    assert!((16..=17).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn b22_a_back_end_that_healed_is_asked_again_within_seconds() {
    let metrics = Metrics::default();
    let counted = metrics.clone();
    let (server, client) = Server::start(|settings| settings.metrics = counted).await;
    let is_open = || {
        let text = metrics.text();
        text.contains("dana_breaker_open{back_end=\"/tmf-api/troubleTicket/v4/troubleTicket\"} 1")
    };
    while !is_open() {
        assert_eq!(
            tickets(&client).await,
            Finding::Tickets(TicketsFinding::Unavailable)
        );
    }
    server.asked();
    tickets(&client).await;
    assert_eq!(server.asked(), 0, "it is left alone");

    // Still sick: one question tries it, and it is left alone again.
    tokio::time::advance(Duration::from_secs(2)).await;
    tickets(&client).await;
    tickets(&client).await;
    assert_eq!((server.asked(), is_open()), (1, true));

    server.answers("[]");
    tokio::time::advance(Duration::from_secs(2)).await;
    for _ in 0..3 {
        assert_eq!(
            tickets(&client).await,
            Finding::Tickets(TicketsFinding::None)
        );
    }
    assert_eq!((server.asked(), is_open()), (3, false));
}

/// B8, B20: what fails now and then is asked again; what fails often is not asked twice as often.
#[tokio::test]
async fn b8_repeats_are_a_tenth_of_the_questions() {
    let metrics = Metrics::default();
    let counted = metrics.clone();
    let (server, client) = Server::start(|settings| settings.metrics = counted).await;
    let mut questions = 0;
    for round in 0..1_000 {
        // Too few bad answers for the breaker, more than there are repeats.
        if round % 5 == 0 {
            *server.body.lock().expect("no panic") = None;
        } else {
            server.answers("[]");
        }
        tickets(&client).await;
        questions += 1;
    }
    let repeats = server.asked() - questions;
    let most = 10 + questions / 10 + questions / 90;
    assert!(
        (100..=most).contains(&repeats),
        "{repeats} repeats, at most {most}"
    );
}

#[tokio::test]
async fn a_back_end_has_a_limit_of_questions_at_once() {
    let (server, client) = Server::start(|settings| settings.at_once = 3).await;
    server.answers("[]");
    server.hold();
    let client = Arc::new(client);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = Arc::clone(&client);
        callers.spawn(async move { tickets(&client).await });
    }
    while server.asked.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    server.let_go();
    while let Some(found) = callers.join_next().await {
        assert_eq!(
            found.expect("no panic"),
            Finding::Tickets(TicketsFinding::None)
        );
    }
    assert_eq!(
        (server.asked(), server.most_at_once.load(Ordering::SeqCst)),
        (20, 3)
    );
}

/// Some of the machines behind a back end's address are broken: one in three answers is 503, one in
/// ten never comes. Nobody waits longer than he may, most are helped, and nobody gives it up.
#[tokio::test(start_paused = true)]
async fn b17_a_back_end_that_is_half_broken_helps_most_and_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut held = Vec::new();
        for asked in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut request = vec![0; 64 * 1024];
            let _ = stream.read(&mut request).await;
            let status = match asked {
                _ if asked % 10 == 9 => {
                    held.push(stream);
                    continue;
                }
                _ if asked % 3 == 0 => "503 Service Unavailable",
                _ => "200 OK",
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n");
            let _ = stream.write_all((head + "\r\n[]").as_bytes()).await;
        }
    });
    let metrics = Metrics::default();
    let client = TmForum::new(Settings {
        metrics: metrics.clone(),
        ..Settings::new(root)
    });
    let client = client.expect("a client");
    let mut helped = 0;
    for _ in 0..300 {
        let began = tokio::time::Instant::now();
        let found = tickets(&client).await;
        helped += u32::from(found == Finding::Tickets(TicketsFinding::None));
        let within = client_waits();
        assert!(began.elapsed() <= within, "{:?}", began.elapsed());
    }
    assert!(helped >= 190, "{helped} of 300");
    let open = "dana_breaker_open{back_end=\"/tmf-api/troubleTicket/v4/troubleTicket\"} 1";
    assert!(!metrics.text().contains(open), "{}", metrics.text());
}

/// As long as a caller may wait for a look-up.
fn client_waits() -> Duration {
    Settings::new("").read
}
