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

#[test]
fn what_is_written_otherwise_is_read_as_json() {
    let text = r#"{"event":{"at":7,"seq":3,"event":{"listen_finished":{"listen":2,"cause":"speech","digits":"","alternatives":[{"text":"да","confidence_permille":900}],"locale":null}}}}"#;
    assert!(read::<Entry>(text).is_some());
    let found = r#"{"event":{"at":7,"event":{"found":{"outage":{"known":{"restored_at":-12}}}}}}"#;
    assert!(read::<Entry>(found).is_some());
    for (text, from, to) in [
        (text, r#""at":7"#, r#""at":07"#),
        (text, r#""at":7"#, r#""at":+7"#),
        (text, r#""at":7"#, r#""at":-7"#),
        (text, r#""at":7"#, r#""at":7.0"#),
        (text, r#""at":7"#, r#""at":7e0"#),
        (text, r#""at":7"#, r#""at":"#),
        (text, r#""at":7"#, r#""at":null"#),
        (text, r#""at":7"#, r#""at":4294967296"#),
        (text, r#""at":7"#, r#""at":7,"at":8"#),
        (text, r#""at":7"#, r#""other":[{}],"at":7"#),
        (text, r#""at":7,"#, ""),
        (text, r#""at":7,"#, r#""at":7"#),
        (text, r#""at":7,"seq":3"#, r#""seq":3,"at":7"#),
        (text, r#""seq":3"#, r#""seq":18446744073709551615"#),
        (text, r#""seq":3"#, r#""seq":18446744073709551616"#),
        (text, r#""seq":3"#, r#""seq":null"#),
        (text, r#""seq":3,"#, ""),
        (text, r#""seq":3"#, r#""seq": 3"#),
        (text, r#""listen":2,"#, ""),
        (text, r#"900"#, "65536"),
        (text, r#","confidence_permille":900"#, ""),
        (
            text,
            r#""confidence_permille":900"#,
            r#""confidence_permille":900,"#,
        ),
        (text, r#""digits":"","#, ""),
        (text, r#""digits":"""#, r#""digits":null"#),
        (text, r#""digits":"""#, r#""digits":"\u0031""#),
        (text, r#""digits":"""#, "\"digits\":\"\t\""),
        (text, r#""digits":"""#, r#""digits":"\""#),
        (text, r#""locale":null"#, r#""locale":"kk""#),
        (text, r#""locale":null"#, r#""locale":"de""#),
        (text, r#""locale":null"#, r#""locale":{"kk":null}"#),
        (text, r#""locale":null"#, r#""locale":nul"#),
        (text, r#","locale":null"#, ""),
        (text, r#""cause":"speech""#, r#""cause":{"speech":{}}"#),
        (text, "[{", "[,{"),
        (text, "}]", "},]"),
        (text, "}]", "},{}]"),
        (text, "}}}}", "}}}"),
        (text, "}}}}", "}}}},"),
        (text, "}}}}", "}}}} "),
        (text, "}}}}", "}}},\"gap\":{}}"),
        (text, "listen_finished", "woke"),
        (text, "listen_finished", "found"),
        (found, "-12", "-0"),
        (found, "-12", "-012"),
        (found, "-12", "-9223372036854775808"),
        (found, "-12", "-9223372036854775809"),
        (found, "-12", "9223372036854775808"),
        (found, "-12", "--1"),
        (found, r#"{"known":{"restored_at":-12}}"#, r#""none""#),
        (found, r#"{"known":{"restored_at":-12}}"#, r#""known""#),
        (
            found,
            r#"{"known":{"restored_at":-12}}"#,
            r#"{"none":null}"#,
        ),
        (found, r#"{"known":{"restored_at":-12}}"#, r#"{"known":{}}"#),
        (
            found,
            r#"{"known":{"restored_at":-12}}"#,
            r#"{"known":[-12]}"#,
        ),
        (found, r#"{"known":{"restored_at":-12}}"#, r#"{}"#),
        (found, r#"{"known":{"restored_at":-12}}"#, ""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(is_as_json(changed.as_bytes()), "{changed}");
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
