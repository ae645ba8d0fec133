//! HTTP/2 as no gateway speaks it, frame by frame: floods, bombs and windows that never open. Each
//! ends its own connection or is answered to its end; a call of another connection goes on meanwhile.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

// Kinds of frames, and what they carry.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// What the last ping holds.
const LAST: [u8; 8] = *b"the last";
/// RFC 9113: the peer does too much; and what it sends is out of order.
const ENHANCE_YOUR_CALM: u32 = 11;
const PROTOCOL_ERROR: u32 = 1;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// The header fields of a call, without any compression that needs a table.
fn converse() -> Vec<u8> {
    let path = b"/dana.gateway.v1.CallGateway/Converse";
    let text = |text: &[u8]| {
        let length = u8::try_from(text.len()).expect("short");
        [&[length], text].concat()
    };
    // Of the static table: POST, http; `:path`, `:authority`, `content-type` by name.
    [
        &[0x83, 0x86, 0x04][..],
        &text(path),
        &[0x01],
        &text(b"localhost"),
        &[0x0f, 0x10],
        &text(b"application/grpc"),
        &[0x00],
        &text(b"te"),
        &text(b"trailers"),
    ]
    .concat()
}

fn opened(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &converse())
}

/// The ids of a client's streams.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|at| 2 * at + 1)
}

/// The first message of a call, in a DATA frame.
fn offer_frame(stream: u32) -> Vec<u8> {
    use prost::Message;
    let event = pb::CallEvent {
        seq: 1,
        offset_ms: 0,
        event: Some(offered(&format!("c-{stream}"))),
    };
    let message = event.encode_to_vec();
    let length = u32::try_from(message.len()).expect("short");
    let body = [&[0][..], &length.to_be_bytes(), &message].concat();
    frame(DATA, 0, stream, &body)
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All of it was dealt with: the last ping is answered.
    Answered,
    /// GOAWAY, with this code.
    GoAway(u32),
}

/// What was sent, and how the service ends it.
async fn end(replica: &Replica, flood: &[u8]) -> End {
    let at = replica.target.trim_start_matches("http://");
    let tcp = TcpStream::connect(at).await.expect("it listens");
    let (mut from, mut to) = tcp.into_split();
    let hello = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, &[]),
    ]
    .concat();
    let all = [&hello, flood, &frame(PING, 0, 0, &LAST)].concat();
    let sent = tokio::spawn(async move {
        // A connection that the service has ended takes nothing more.
        let _ = to.write_all(&all).await;
        to
    });
    let mut head = [0; 9];
    loop {
        let read = from.read_exact(&mut head).await;
        assert!(read.is_ok(), "an end without a word");
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        from.read_exact(&mut payload).await.expect("a whole frame");
        match (head[3], head[4]) {
            (GO_AWAY, _) => {
                let code = payload[4..8].try_into().expect("four bytes");
                return End::GoAway(u32::from_be_bytes(code));
            }
            (PING, ACK) if payload == LAST => {
                drop(sent.await.expect("no panic"));
                return End::Answered;
            }
            _ => {}
        }
    }
}

/// Header fields that are small on the wire and large when they are read: one of 4,000 bytes goes
/// into the table, and is named ten thousand times.
fn bomb() -> Vec<u8> {
    let name = [0x40, 0x01, b'x', 0x7f, 0xa1, 0x1e];
    let block = [&converse()[..], &name, &[b'y'; 4_000], &[0xbe; 10_000]].concat();
    let mut frames = frame(HEADERS, 0, 1, &block[..9_000]);
    frames.extend(frame(CONTINUATION, END_HEADERS, 1, &block[9_000..]));
    frames
}

#[tokio::test]
async fn g20_no_flood_of_frames_is_felt_by_another_connection() {
    let window_zero = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let of_calls = |frames: &dyn Fn(u32) -> Vec<u8>, count| -> Vec<u8> {
        streams(count).flat_map(frames).collect()
    };
    let reset = |stream| [opened(stream), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat();
    let unread = |stream| [opened(stream), offer_frame(stream)].concat();
    let floods: [(&str, Vec<u8>, End); 9] = [
        (
            "calls that are taken back at once",
            of_calls(&reset, 2_000),
            End::GoAway(ENHANCE_YOUR_CALM),
        ),
        (
            "header fields without end",
            [
                frame(HEADERS, 0, 1, &converse()),
                frame(CONTINUATION, 0, 1, &[0; 100]).repeat(2_000),
            ]
            .concat(),
            End::GoAway(ENHANCE_YOUR_CALM),
        ),
        (
            "empty data",
            [opened(1), frame(DATA, 0, 1, &[]).repeat(20_000)].concat(),
            End::GoAway(ENHANCE_YOUR_CALM),
        ),
        (
            "settings",
            frame(SETTINGS, 0, 0, &[]).repeat(10_000),
            End::Answered,
        ),
        (
            "pings",
            frame(PING, 0, 0, &[7; 8]).repeat(10_000),
            End::Answered,
        ),
        (
            "a bomb of header fields",
            bomb(),
            End::GoAway(ENHANCE_YOUR_CALM),
        ),
        (
            "turns that are never read",
            [window_zero, of_calls(&unread, 400)].concat(),
            End::Answered,
        ),
        (
            "data of no call",
            frame(DATA, 0, 9, &[1; 9]),
            End::GoAway(PROTOCOL_ERROR),
        ),
        (
            "more calls than a connection may have",
            of_calls(&opened, 2_000),
            End::Answered,
        ),
    ];
    let replica = replica(&BackEnds::default(), 7, Settings::default()).await;
    let mut neighbour = Call::offer(&connect(&replica).await, "neighbour").await;
    let (_, listen) = neighbour.question().await;
    for (name, flood, wanted) in floods {
        let (ended, heard) = tokio::join!(end(&replica, &flood), async {
            neighbour.say(listen, "алло").await;
            neighbour.turn().await
        });
        assert_eq!(ended, wanted, "{name}");
        assert!(heard.is_ok(), "{name}: {heard:?}");
    }
}
