//! What was read before is taken for the same line only where it is the same.

use dana::call::Question;
use dana::journal::Entry;
use dana::journal::known::Known;
use dana::journal::reader::{Line, ReadError};

use super::{action, listen, play, whole_call};

fn line(text: &str) -> Line<'_> {
    Line {
        number: 3,
        text: text.as_bytes().into(),
        torn: false,
    }
}

fn read(known: &mut Known, text: &str) -> (Result<Entry, ReadError>, Result<Entry, ReadError>) {
    let line = line(text);
    (known.entry("FILE", &line), line.entry("FILE"))
}

#[test]
fn a_prompt_or_question_of_another_time_and_id_is_that_of_its_own() {
    let mut known = Known::default();
    let other = [
        action(0, play(1)),
        action(70_000, play(9)),
        action(5, listen(2, Question::Open)),
        action(6, listen(3, Question::AtHome)),
        action(4_000_000_000, listen(2, Question::Open)),
    ];
    for entry in whole_call().iter().chain(&other).chain(&whole_call()) {
        let text = serde_json::to_string(entry).unwrap();
        let (quick, slow) = read(&mut known, &text);
        assert_eq!((quick.as_ref(), quick.as_ref()), (Ok(entry), slow.as_ref()));
    }
}

#[test]
fn what_is_written_otherwise_is_read_as_it_stands() {
    let text = serde_json::to_string(&action(7, play(12))).unwrap();
    for (from, to) in [
        (r#""at":7,"#, r#""at":07,"#),
        (r#""at":7,"#, r#""at":,"#),
        (r#""at":7,"#, r#""at":-7,"#),
        (r#""at":7,"#, r#""at":7.0,"#),
        (r#""at":7,"#, r#""at":4294967296,"#),
        (r#""id":12,"#, r#""id": 13,"#),
        (r#""id":12,"#, r#""id":12,"id":12,"#),
        (r#""play""#, r#""listen""#),
        (r#""play""#, r#""transfer""#),
        (r#""locale":"ru""#, r#""locale":"kk""#),
        ("}}}}", "}}}"),
        ("}}}}", "}}}}}"),
        ("}}}}", "}}}},"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let mut known = Known::default();
        assert!(read(&mut known, &text).0.is_ok());
        for _ in 0..2 {
            let (quick, slow) = read(&mut known, &changed);
            assert_eq!(quick, slow, "{changed}");
        }
    }
}
