//! Servers that answer anything at all: a look-up ends in time and claims nothing. Rows B12 to B15
//! and X8 of the catalogue of faults.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A server that answers every request with these bytes and then, if asked, goes on for ever.
async fn server(answer: Vec<u8>, endless: bool) -> TmForum {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                // Whoever hangs up on us has seen enough.
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                while endless && stream.write_all(&[b' '; 4096]).await.is_ok() {}
            });
        }
    });
    TmForum::new(hurried(&root)).expect("a client")
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into()
}

#[tokio::test]
async fn b12_b13_b14_b15_nothing_is_claimed_from_answers_that_are_none() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec();
    let endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[".to_vec();
    let elsewhere =
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let cases = [
        (
            "a page to log in",
            http("200 OK", "<html>log in</html>"),
            false,
        ),
        ("another place", elsewhere.to_vec(), false),
        ("truncated", http("200 OK", "[{\"id\":\"T"), false),
        (
            "an object for a list",
            http("200 OK", "{\"id\":\"TT-1\"}"),
            false,
        ),
        ("a number for an id", http("200 OK", "[{\"id\":17}]"), false),
        ("no id", http("200 OK", "[{\"id\":null}]"), false),
        ("deep nesting", http("200 OK", &"[".repeat(5_000)), false),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), false),
        ("wrong chunks", chunked, false),
        ("a body without end", endless, true),
        ("nothing at all", Vec::new(), false),
        ("503", http("503 Service Unavailable", "busy"), false),
    ];
    for (name, answer, endless) in cases {
        let client = server(answer, endless).await;
        let found = subscriber(&client, number(101)).await;
        assert_eq!(found, SubscriberFinding::Unavailable, "{name}");
        assert_eq!(checks(&client, 101).await, ["?", "?", "?", "?"], "{name}");
        let ticket = create(client, order(101)).await;
        assert_eq!(ticket, TicketResult::Unconfirmed, "{name}");
    }
}

#[tokio::test]
async fn b13_a_success_that_is_not_our_ticket_is_no_ticket() {
    let body = |id: &str, key: &str, login: &str| {
        format!(
            "{{\"id\":{id},\"externalId\":\"{key}\",\"relatedEntity\":[{{\"id\":\"{login}\"}}]}}"
        )
    };
    let key = order(101).key;
    let cases = [
        ("another key", body("\"TT-1\"", "ivr:other", "0770000101")),
        ("another login", body("\"TT-1\"", &key, "0770000999")),
        ("no id", body("null", &key, "0770000101")),
        ("an empty id", body("\"\"", &key, "0770000101")),
        (
            "an id that leads elsewhere",
            body("\"../../mock\"", &key, "0770000101"),
        ),
    ];
    for (name, body) in cases {
        let client = server(http("201 Created", &body), false).await;
        let ticket = create(client, order(101)).await;
        assert_eq!(ticket, TicketResult::Unconfirmed, "{name}");
    }
    let right = http("201 Created", &body("\"TT-7\"", &key, "0770000101"));
    let ticket = create(server(right, false).await, order(101)).await;
    assert_eq!(
        ticket,
        TicketResult::Created {
            id: "TT-7".to_owned()
        }
    );
}

/// A back end that sends us to an address inside (a cloud's metadata, another service) sends nobody.
#[tokio::test]
async fn x8_no_answer_leads_us_to_another_address() {
    let inside = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = inside.local_addr().expect("an address");
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        for place in [
            format!("http://{at}/latest/meta-data"),
            "file:///etc/passwd".to_owned(),
        ] {
            let answer =
                format!("HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
            let client = server(answer.into_bytes(), false).await;
            let found = subscriber(&client, number(101)).await;
            assert_eq!(found, SubscriberFinding::Unavailable, "{status}");
            let ticket = create(client, order(101)).await;
            assert_eq!(ticket, TicketResult::Unconfirmed, "{status}");
        }
    }
    let visited = tokio::time::timeout(Duration::ZERO, inside.accept()).await;
    assert!(visited.is_err(), "somebody went there");
}
