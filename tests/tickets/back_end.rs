//! Rows B: the ticket system is away, slow, wrong, or forgets.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use dana::lookup::{Oss, Posted};
use dana::store::{Order, Payload, Recorded};

use super::*;
use IntentState as S;
use TicketResult::Unconfirmed;

#[tokio::test]
async fn what_goes_well_is_one_request_and_one_ticket() {
    let (desk, mock) = desk().await;
    let result = create(&desk, 101).await;
    assert_eq!(result, created(&mock, &order(101)));
    assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
    assert_eq!(mock.ledger()[0].posts, 1);
    // The same order again, from anywhere, is the same ticket, and nothing is sent for it.
    for attempt in [Attempt::First, Attempt::Again, Attempt::Resumed] {
        assert_eq!(desk.create_ticket(order(101), attempt).await, result);
    }
    assert_eq!(mock.ledger()[0].posts, 1);
}

/// What the ticket system does with the first request; what the caller hears (nothing here: the
/// ticket); where the order stands then.
const ONE_TICKET: &[(&str, Fault, Option<TicketResult>, IntentState)] = &[
    ("B3 never answers", Fault::Slow(5_000), None, S::Done),
    (
        "B4 creates, then times out",
        Fault::CreatesThenTimesOut,
        None,
        S::Done,
    ),
    ("B5 breaks off", Fault::Dead, Some(Unconfirmed), S::Unknown),
    (
        "B5 creates, the answer is lost",
        Fault::CreatesThenFails(502),
        None,
        S::Done,
    ),
    ("B8 500", Fault::Status(500), Some(Unconfirmed), S::Unknown),
    ("B8 503", Fault::Status(503), Some(Unconfirmed), S::Unknown),
    (
        "B9 429, a second",
        Fault::Busy(1),
        Some(Unconfirmed),
        S::Pending,
    ),
    (
        "B9 429, absurd",
        Fault::Busy(u32::MAX),
        Some(Unconfirmed),
        S::Pending,
    ),
    (
        "B11 409, in progress",
        Fault::Status(409),
        Some(Unconfirmed),
        S::Unknown,
    ),
    ("B14 a page to log in", Fault::Garbage, None, S::Done),
];

async fn one_ticket_in_the_end(
    name: &str,
    fault: Fault,
    heard: Option<TicketResult>,
    stands: IntentState,
) {
    let (desk, mock) = desk().await;
    mock.break_for(&number(101), Api::CreateTicket, fault, 1);
    let result = create(&desk, 101).await;
    let heard = heard.unwrap_or_else(|| created(&mock, &order(101)));
    assert_eq!(result, heard, "{name}");
    assert_eq!(state(&desk, &order(101)).await, stands, "{name}");
    in_the_end(&desk).await;
    assert_eq!(state(&desk, &order(101)).await, S::Done, "{name}");
    assert_eq!(tickets(&mock, &order(101)), 1, "{name}");
}

#[tokio::test]
async fn b3_to_b14_whatever_the_ticket_system_does_there_is_one_ticket_in_the_end() {
    let mut running = tokio::task::JoinSet::new();
    for (name, fault, heard, stands) in ONE_TICKET {
        running.spawn(one_ticket_in_the_end(name, *fault, heard.clone(), *stands));
    }
    running.join_all().await;
}

#[tokio::test]
async fn b10_what_is_refused_for_good_is_for_an_operator_and_never_sent_again() {
    for status in [400, 401, 403, 404, 422] {
        let (desk, mock) = desk().await;
        mock.break_for(&number(101), Api::CreateTicket, Fault::Status(status), 1);
        assert_eq!(create(&desk, 101).await, TicketResult::Refused, "{status}");
        assert_eq!(state(&desk, &order(101)).await, S::Rejected, "{status}");
        in_the_end(&desk).await;
        assert_eq!(mock.ledger(), [], "{status}");
        let list = desk.store().intents(S::FOR_OPERATORS, "", 10).await;
        assert_eq!(list.map(|list| list.len()), Ok(1), "{status}");
    }
}

#[tokio::test]
async fn b1_b2_what_was_never_sent_is_sent_when_the_ticket_system_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    drop(listener);
    let desk = desk_at(&format!("http://{at}"), settings());
    assert_eq!(create(&desk, 101).await, Unconfirmed);
    assert_eq!(state(&desk, &order(101)).await, IntentState::Pending);
    desk.store().pass_time(HOUR);
    desk.reconcile().await.expect("an answer");
    assert_eq!(state(&desk, &order(101)).await, IntentState::Pending);

    let listener = TcpListener::bind(at).await.expect("the port");
    let mock = Mock::new(Duration::ZERO);
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    in_the_end(&desk).await;
    assert_eq!(
        (tickets(&mock, &order(101)), mock.ledger()[0].posts),
        (1, 1)
    );
}

/// A port that takes no connection: whoever waits to be taken fills its queue, and the next is not
/// even answered. And a name that nobody knows.
#[tokio::test(start_paused = true)]
async fn b1_b2_what_is_not_to_be_reached_was_surely_sent_nothing() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a port");
    socket.listen(0).expect("it listens");
    let at = socket
        .local_addr()
        .expect("an address")
        .as_socket()
        .expect("TCP");
    let soon = Duration::from_millis(100);
    let mut queue = Vec::new();
    while let Ok(taken) = std::net::TcpStream::connect_timeout(&at, soon) {
        queue.push(taken);
    }
    for root in [
        format!("http://{at}"),
        "http://ticket-system.invalid".to_owned(),
    ] {
        let usual = TmForum::new(dana::network::Settings::new(&root)).expect("a client");
        let settings = Settings::default();
        let desk = Desk::new(Memory::default(), usual, settings, Handle::current());
        let began = tokio::time::Instant::now();
        assert_eq!(create(&desk, 101).await, Unconfirmed, "{root}");
        assert!(began.elapsed() <= Settings::default().within, "{root}");
        assert_eq!(
            state(&desk, &order(101)).await,
            IntentState::Pending,
            "{root}"
        );
    }
}

#[tokio::test]
async fn b4_a_ticket_system_that_keeps_keys_is_asked_again_while_the_caller_waits() {
    let (mock, root) = mock().await;
    let safe = Settings {
        safe_repost: true,
        ..settings()
    };
    let desk = desk_at(&root, safe);
    mock.break_for(
        &number(101),
        Api::CreateTicket,
        Fault::CreatesThenTimesOut,
        1,
    );
    assert_eq!(create(&desk, 101).await, created(&mock, &order(101)));
    assert_eq!(mock.ledger()[0].posts, 2);
}

/// A proxy that cuts the first answer to a POST after so many bytes.
async fn cut_at(mock: String, bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let mock = mock.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let mut cut = Some(bytes);
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&mock).await.expect("the mock");
            let mut request = vec![0; 64 * 1024];
            let read = near.read(&mut request).await.unwrap_or(0);
            let is_post = request.starts_with(b"POST");
            far.write_all(&request[..read]).await.expect("the mock");
            if is_post && let Some(bytes) = cut.take() {
                let mut answer = vec![0; 64 * 1024];
                let read = far.read(&mut answer).await.expect("the mock answers");
                let _ = near.write_all(&answer[..bytes.min(read)]).await;
                continue;
            }
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    root
}

#[tokio::test]
async fn b5_an_answer_cut_anywhere_is_one_ticket() {
    for bytes in (0..900).step_by(30) {
        let (mock, root) = mock().await;
        let patient = Settings {
            within: Duration::from_secs(5),
            ..settings()
        };
        let desk = desk_at(&cut_at(root, bytes).await, patient);
        let result = create(&desk, 101).await;
        in_the_end(&desk).await;
        assert_eq!(result, created(&mock, &order(101)), "cut at {bytes}");
        let ledger = mock.ledger();
        assert_eq!(
            (ledger.len(), ledger[0].posts),
            (1, 1),
            "cut at {bytes}: looked for"
        );
    }
}

#[tokio::test]
async fn b6_a_request_that_lands_after_the_quiet_window_is_one_ticket_where_keys_are_kept() {
    for keyless in [false, true] {
        let (desk, mock) = desk().await;
        if keyless {
            mock.forget_keys();
        }
        mock.break_for(&number(101), Api::CreateTicket, Fault::CreatesLate(900), 1);
        assert_eq!(create(&desk, 101).await, Unconfirmed);
        assert_eq!(tickets(&mock, &order(101)), 0, "it is still under way");
        // By the store's clock the window is over long before the request lands.
        in_the_end(&desk).await;
        assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
        while mock.ledger().iter().map(|entry| entry.posts).sum::<u32>() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tickets(&mock, &order(101)), if keyless { 2 } else { 1 });
    }
}

#[tokio::test]
async fn b7_a_look_that_lags_behind_leads_to_no_second_request_within_the_quiet_window() {
    let (desk, mock) = desk().await;
    mock.break_for(&number(101), Api::CreateTicket, Fault::CreatesLate(700), 1);
    assert_eq!(create(&desk, 101).await, Unconfirmed);
    let quiet = settings().quiet;
    for part in [4, 4, 4] {
        desk.store().pass_time(quiet / part);
        for looked in desk.reconcile().await.expect("an answer") {
            assert!(!looked.sent, "{looked:?}");
        }
    }
    while mock.ledger().is_empty() {
        tokio::task::yield_now().await;
    }
    in_the_end(&desk).await;
    assert_eq!(
        (tickets(&mock, &order(101)), mock.ledger()[0].posts),
        (1, 1)
    );
    assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
}

/// The process died while it ordered, and holds the order by its lease for longer than the caller
/// waits. The call goes on elsewhere: the ticket that exists is told, and nothing is sent again.
#[tokio::test]
async fn a_ticket_whose_answer_died_with_the_process_is_found_by_the_next() {
    let (mock, root) = mock().await;
    let desk = desk_at(&root, settings());
    let oss = client(&root);
    let TicketOrder {
        key,
        login,
        contact,
        ..
    } = order(101);
    let body = oss.render(&order(101));
    let payload = Payload::new(body.clone());
    let recorded = Order {
        key: key.clone(),
        login: login.clone(),
        contact: Some(contact),
        payload,
    };
    let recorded = desk.store().record(&recorded, HOUR).await;
    assert!(matches!(recorded, Ok(Recorded::New { .. })));
    let posted = oss.post_ticket(&key, &login, &body, HOUR).await;
    assert!(matches!(posted, Posted::Created(_)));

    let result = desk.create_ticket(order(101), Attempt::Again).await;
    assert_eq!(result, created(&mock, &order(101)));
    assert_eq!(state(&desk, &order(101)).await, IntentState::Done);
    assert_eq!(mock.ledger()[0].posts, 1);
}

#[tokio::test]
async fn b20_a_backlog_is_sent_no_faster_than_it_may_and_each_once() {
    // Fewer than open the breaker.
    const BACKLOG: u32 = 12;
    let (mock, root) = mock().await;
    let paced = Settings {
        backlog_per_second: 100,
        ..settings()
    };
    let desk = desk_at(&root, paced);
    let orders: Vec<TicketOrder> = (0..BACKLOG)
        .map(|at| order_of(&format!("b-{at}"), 900 + at))
        .collect();
    let down = Fault::Status(500);
    for (at, order) in orders.iter().enumerate() {
        let index = 900 + u32::try_from(at).expect("few");
        let mut subscriber = dana::network::mock::subscribers(WallTime::from_unix_ms(0))[0].clone();
        subscriber.number = number(index);
        subscriber.lines[0].login = order.login.reveal().to_owned();
        mock.add(subscriber);
        mock.break_for(&number(index), Api::CreateTicket, down, 1);
        let result = desk.create_ticket(order.clone(), Attempt::First).await;
        assert_eq!(result, Unconfirmed);
    }
    desk.store().pass_time(HOUR);
    let began = tokio::time::Instant::now();
    let mut sent = 0;
    while sent < BACKLOG {
        let step = desk.reconcile().await.expect("an answer");
        sent += u32::try_from(step.iter().filter(|done| done.sent).count()).expect("few");
    }
    assert!(began.elapsed() >= Duration::from_millis(10) * (BACKLOG - 1));
    assert!(orders.iter().all(|order| tickets(&mock, order) == 1));
}

#[tokio::test]
async fn b21_another_orders_ticket_is_not_believed() {
    let (desk, mock) = desk().await;
    create(&desk, 101).await;
    mock.break_for(&number(102), Api::CreateTicket, Fault::Foreign, 1);
    assert_eq!(create(&desk, 102).await, Unconfirmed);
    in_the_end(&desk).await;
    let intent = desk
        .store()
        .intent(&order(102).key)
        .await
        .expect("an answer");
    let own = mock.ledger()[1].id.clone();
    assert_eq!(
        intent.expect("it is there").ticket,
        Some(own),
        "its own is found by its key"
    );
    assert_eq!(mock.ledger().len(), 2);
}

#[tokio::test]
async fn two_tickets_for_one_key_are_for_an_operator() {
    let (desk, mock) = desk().await;
    mock.forget_keys();
    let client_of_another = {
        mock.break_for(
            &number(101),
            Api::CreateTicket,
            Fault::CreatesThenTimesOut,
            1,
        );
        create(&desk, 101).await
    };
    assert_eq!(client_of_another, created(&mock, &order(101)));
    // A store that lost its memory sends the same key again, and the ticket system, which does not say just
    // then what it has, takes it.
    let forgetful = desk_at(&mock_root(&mock).await, settings());
    mock.break_for(&number(101), Api::Tickets, Fault::Status(500), 2);
    let again = forgetful.create_ticket(order(101), Attempt::First).await;
    assert!(matches!(again, TicketResult::Created { .. }));
    assert_eq!(tickets(&mock, &order(101)), 2);
    forgetful
        .store()
        .pass(&order(101).key, IntentState::ALL, IntentState::Unknown)
        .await
        .expect("an answer");
    forgetful.reconcile().await.expect("an answer");
    assert_eq!(state(&forgetful, &order(101)).await, IntentState::Duplicate);
}

/// One more door to the same mock.
async fn mock_root(mock: &Arc<Mock>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(Arc::clone(mock).serve(listener, std::future::pending()));
    root
}

#[tokio::test]
async fn what_finds_no_end_is_parked_for_an_operator() {
    let (desk, mock) = desk().await;
    mock.break_for(
        &number(101),
        Api::CreateTicket,
        Fault::Status(500),
        u32::MAX,
    );
    assert_eq!(create(&desk, 101).await, Unconfirmed);
    in_the_end(&desk).await;
    assert_eq!(
        state(&desk, &order(101)).await,
        IntentState::Unknown,
        "hours are not days"
    );
    desk.store().pass_time(settings().park_after);
    in_the_end(&desk).await;
    assert_eq!(state(&desk, &order(101)).await, IntentState::Parked);
    assert_eq!(mock.ledger(), []);
}
