//! The quick way to read JSON reads what this build writes, and whatever it reads is what JSON says.

use std::sync::LazyLock;

use dana::journal::Entry;
use dana::journal::cdr::{Cdr, fold};
use dana::journal::written::{from_slice, read};
use proptest::prelude::*;

use super::whole_call;
use crate::recordings::some_calls;

/// Lines of calls of every kind, and the records of those calls.
static LINES: LazyLock<(Vec<String>, Vec<String>)> = LazyLock::new(|| {
    let calls = [some_calls(), &[whole_call()]].concat();
    let line = |entry: &Entry| serde_json::to_string(entry).unwrap();
    let record = |call: &Vec<Entry>| serde_json::to_string(&fold(call).unwrap()).unwrap();
    (
        calls.iter().flatten().map(line).collect(),
        calls.iter().map(record).collect(),
    )
});

#[test]
fn what_is_written_here_is_read_quickly() {
    let (lines, records) = &*LINES;
    for text in lines {
        let entry = serde_json::from_str::<Entry>(text).unwrap();
        assert_eq!(read(text), Some(entry), "{text}");
    }
    for text in records {
        let record = serde_json::from_str::<Cdr>(text).unwrap();
        assert_eq!(read(text), Some(record), "{text}");
    }
}

/// Neither value nor error may be another one.
fn is_as_json(text: &[u8]) -> bool {
    let told = |read: serde_json::Result<Entry>| read.map_err(|error| error.to_string());
    told(from_slice(text)) == told(serde_json::from_slice(text))
}

const LISTENED: &str = r#"{"event":{"at":7,"seq":3,"event":{"listen_finished":{"listen":2,"cause":"speech","digits":"","alternatives":[{"text":"да","confidence_permille":900}],"locale":null}}}}"#;

/// What is there, and what is put in its place.
const LISTENED_OTHERWISE: &[(&str, &str)] = &[
    (r#""at":7"#, r#""at":07"#),
    (r#""at":7"#, r#""at":+7"#),
    (r#""at":7"#, r#""at":-7"#),
    (r#""at":7"#, r#""at":7.0"#),
    (r#""at":7"#, r#""at":7e0"#),
    (r#""at":7"#, r#""at":"#),
    (r#""at":7"#, r#""at":null"#),
    (r#""at":7"#, r#""at":4294967296"#),
    (r#""at":7"#, r#""at":7,"at":8"#),
    (r#""at":7"#, r#""other":[{}],"at":7"#),
    (r#""at":7,"#, ""),
    (r#""at":7,"#, r#""at":7"#),
    (r#""at":7,"seq":3"#, r#""seq":3,"at":7"#),
    (r#""seq":3"#, r#""seq":18446744073709551615"#),
    (r#""seq":3"#, r#""seq":18446744073709551616"#),
    (r#""seq":3"#, r#""seq":null"#),
    (r#""seq":3,"#, ""),
    (r#""seq":3"#, r#""seq": 3"#),
    (r#""listen":2,"#, ""),
    ("900", "65536"),
    (r#","confidence_permille":900"#, ""),
    (r#""digits":"","#, ""),
    (r#""digits":"""#, r#""digits":null"#),
    (r#""digits":"""#, r#""digits":"\u0031""#),
    (r#""digits":"""#, "\"digits\":\"\t\""),
    (r#""digits":"""#, r#""digits":"\""#),
    (r#""locale":null"#, r#""locale":"kk""#),
    (r#""locale":null"#, r#""locale":"de""#),
    (r#""locale":null"#, r#""locale":{"kk":null}"#),
    (r#""locale":null"#, r#""locale":nul"#),
    (r#","locale":null"#, ""),
    (r#""cause":"speech""#, r#""cause":{"speech":{}}"#),
    ("[{", "[,{"),
    ("}]", "},]"),
    ("}]", "},{}]"),
    ("}}}}", "}}}"),
    ("}}}}", "}}}},"),
    ("}}}}", "}}}} "),
    ("}}}}", "}}},\"gap\":{}}"),
    ("listen_finished", "woke"),
    ("listen_finished", "found"),
    (
        r#""confidence_permille":900"#,
        r#""confidence_permille":900,"#,
    ),
];

const FOUND: &str =
    r#"{"event":{"at":7,"event":{"found":{"outage":{"known":{"restored_at":-12}}}}}}"#;

const FOUND_OTHERWISE: &[(&str, &str)] = &[
    ("-12", "-0"),
    ("-12", "-012"),
    ("-12", "-9223372036854775808"),
    ("-12", "-9223372036854775809"),
    ("-12", "9223372036854775808"),
    ("-12", "--1"),
    (r#"{"known":{"restored_at":-12}}"#, r#""none""#),
    (r#"{"known":{"restored_at":-12}}"#, r#""known""#),
    (r#"{"known":{"restored_at":-12}}"#, r#"{"known":{}}"#),
    (r#"{"known":{"restored_at":-12}}"#, "{}"),
    (r#"{"known":{"restored_at":-12}}"#, ""),
    (r#"{"known":{"restored_at":-12}}"#, r#"{"none":null}"#),
    (r#"{"known":{"restored_at":-12}}"#, r#"{"known":[-12]}"#),
];

#[test]
fn what_is_written_otherwise_is_read_as_json() {
    for (text, otherwise) in [(LISTENED, LISTENED_OTHERWISE), (FOUND, FOUND_OTHERWISE)] {
        assert!(read::<Entry>(text).is_some());
        for (from, to) in otherwise {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(is_as_json(changed.as_bytes()), "{changed}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn whatever_is_read_is_what_json_says(
        line in any::<prop::sample::Index>(),
        harm in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, prop::sample::select(&br#"{}[]",:\0123456789-+.eantrufls"#[..])), 1..4),
    ) {
        let mut text = line.get(&LINES.0).clone().into_bytes();
        for (at, kind, byte) in harm {
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        prop_assert!(is_as_json(&text), "{}", String::from_utf8_lossy(&text));
    }
}
