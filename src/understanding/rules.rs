//! Decides what an utterance means: weighs the phrases in it by a few rules. In an answer to a yes/no
//! question the last word wins; a wish for a person wins over everything.

use crate::call::Topic;
use crate::understanding::marks::{Mark, Marks};
use crate::understanding::phrases::Meaning;

/// Score of what was said clearly.
pub(super) const CLEAR: u16 = 950;
/// Score of what was said in part.
pub(super) const DECENT: u16 = 750;
/// Score of a hint, to be asked about.
pub(super) const HINT: u16 = 450;

/// The subject with the strongest phrase; of equals the one said last. No internet at all is the
/// most general complaint: any other that is named in several words tells more.
pub(super) fn topic<'a>(marks: &'a Marks<'a>) -> Option<(Topic, &'a Mark<'a>)> {
    if !marks.name_a_subject() {
        return None;
    }
    let subject = |mark: &'a Mark<'a>| Some((mark.meaning.topic()?, mark));
    let rank = |topic: Topic, mark: &Mark<'_>| match (mark.phrase.weak, mark.words) {
        (true, _) => 0,
        (false, 2..) if topic != Topic::InternetDown => 2,
        (false, _) => 1,
    };
    // «Перезвоню позже» puts off and asks for nothing.
    let denied = marks.mean(&[Meaning::No]);
    let put_off = |mark: &Mark<'_>| {
        let puts_off =
            |no: &Mark<'_>| no.words > 1 && no.meaning == Meaning::No && contains(no, mark);
        denied && marks.iter().any(puts_off)
    };
    let subjects = marks
        .iter()
        .filter_map(subject)
        .filter(|(_, mark)| !put_off(mark));
    subjects.max_by_key(|(topic, mark)| (rank(*topic, mark), mark.phrase.weight, mark.last))
}

/// The last mark with that meaning that stands: not turned by a word beside it, and not a part of
/// what denies it («оператор не нужен»).
pub(super) fn standing<'a>(marks: &'a Marks<'a>, meaning: Meaning) -> Option<&'a Mark<'a>> {
    if !marks.mean(&[meaning]) {
        return None;
    }
    let mut all = marks.iter().filter(|mark| mark.meaning == meaning);
    all.rfind(|mark| !marks.turn(mark) && !marks.iter().any(|other| denies(marks, other, mark)))
}

/// Whether `other` is a no, or the same meaning turned round, around the words of `mark`.
fn denies(marks: &Marks<'_>, other: &Mark<'_>, mark: &Mark<'_>) -> bool {
    let no = other.meaning == Meaning::No || (other.meaning == mark.meaning && marks.turn(other));
    no && other.words > 1 && contains(other, mark)
}

const fn contains(outer: &Mark<'_>, inner: &Mark<'_>) -> bool {
    outer.first <= inner.first && inner.last <= outer.last
}

/// Yes, no or doubt. A longer phrase covers those inside it, a refusal or a doubt takes the words
/// that it shares with a yes, «не надо» takes the verb behind it, a hint yields to anything clear;
/// of what is left the last one counts.
pub(super) fn verdict<'a>(marks: &'a Marks<'a>) -> Option<(Meaning, &'a Mark<'a>)> {
    if !marks.mean(&[Meaning::Yes, Meaning::No, Meaning::Doubt]) {
        return None;
    }
    let says =
        |mark: &&Mark<'_>| matches!(mark.meaning, Meaning::Yes | Meaning::No | Meaning::Doubt);
    let mut said: Vec<&Mark<'_>> = marks.iter().filter(says).collect();
    if said.iter().any(|mark| !mark.phrase.weak) {
        said.retain(|mark| !mark.phrase.weak);
    }
    // Most often there is one, and none beats itself.
    let beaten = |mark: &&Mark<'_>| {
        said.len() > 1
            && said
                .iter()
                .any(|other| covers(other, mark) || takes(marks, other, mark))
    };
    let left = said.iter().copied().filter(|mark| !beaten(mark));
    // Who refuses in so many words and then wavers has refused.
    let refused = left
        .clone()
        .any(|mark| mark.meaning == Meaning::No && !mark.phrase.whole && !marks.turn(mark));
    let left = left.filter(|mark| !(refused && mark.meaning == Meaning::Doubt));
    // Of two that are alike, the one that agrees counts less: a wrong yes is worse than a wrong no.
    let mark = left.max_by_key(|m| {
        (
            m.last,
            m.asked(),
            m.phrase.weight,
            m.meaning != Meaning::Yes,
        )
    })?;
    let meaning = match (mark.meaning, marks.turn(mark)) {
        (Meaning::Yes, true) => Meaning::No,
        (Meaning::No, true) => Meaning::Yes,
        (meaning, _) => meaning,
    };
    Some((meaning, mark))
}

fn covers(outer: &Mark<'_>, inner: &Mark<'_>) -> bool {
    let more = (outer.words, outer.phrase.weight, outer.asked());
    contains(outer, inner) && more > (inner.words, inner.phrase.weight, inner.asked())
}

/// Whether a refusal or a doubt takes words away from a yes.
fn takes(marks: &Marks<'_>, other: &Mark<'_>, mark: &Mark<'_>) -> bool {
    if mark.meaning != Meaning::Yes || other.meaning == Meaning::Yes || marks.turn(other) {
        return false;
    }
    let shares = other.words > 1 && other.first <= mark.last && mark.first <= other.last;
    let not = |at: &Mark<'_>| at.meaning == Meaning::NotBefore && contains(other, at);
    let verb_behind = other.last + 1 == mark.first && marks.iter().any(not);
    (shares && !(mark.whole() && contains(mark, other))) || verb_behind
}

/// Whether an answer is consent: every word of it agrees or is a filler, nothing doubts, and a bare
/// no («нет», «жоқ») was taken back in the question's own words. What else is said with a yes may undo it.
pub(super) fn consents(marks: &Marks<'_>, words: usize) -> bool {
    let agrees = |mark: &Mark<'_>| matches!(mark.meaning, Meaning::Yes | Meaning::Filler);
    let covered = |at: u8| {
        marks.iter().filter(|mark| agrees(mark)).any(|mark| {
            at == mark.first
                || at == mark.last
                || (mark.whole() && mark.first < at && at < mark.last)
        })
    };
    let denied = |at: u8| {
        let bare = |mark: &&Mark<'_>| {
            mark.meaning == Meaning::No && mark.first == at && mark.last == at && mark.phrase.whole
        };
        let back = |no: &Mark<'_>| {
            let yes = |mark: &Mark<'_>| mark.meaning == Meaning::Yes && mark.asked();
            marks.iter().any(|mark| yes(mark) && mark.first > no.last)
        };
        marks.iter().filter(bare).any(back)
    };
    let agreed = |part: &Mark<'_>| {
        marks
            .iter()
            .any(|yes| yes.meaning == Meaning::Yes && covers(yes, part))
    };
    let refuses = |mark: &Mark<'_>| {
        let no = mark.meaning == Meaning::No && !mark.phrase.whole && !marks.turn(mark);
        (no || mark.meaning == Meaning::Doubt) && !agreed(mark)
    };
    !marks.iter().any(refuses) && (0..).take(words).all(|at| covered(at) || denied(at))
}
