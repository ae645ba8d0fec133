//! Decides what an utterance means: weighs the phrases in it by a few rules. In an answer to a yes/no
//! question the last word wins; a wish for a person wins over everything.

use crate::call::Topic;
use crate::understanding::marks::{Mark, Marks};
use crate::understanding::phrases::{Meaning, SUBJECT};

/// Score of what was said clearly.
pub(super) const CLEAR: u16 = 950;
/// Score of what was said in part.
pub(super) const DECENT: u16 = 750;
/// Score of a hint, to be asked about.
pub(super) const HINT: u16 = 450;

/// The subject with the strongest phrase; of equals the one said last. No internet at all is the
/// most general complaint: any other that is named in several words tells more.
pub(super) fn topic<'a>(marks: &'a Marks<'a>) -> Option<(Topic, &'a Mark<'a>)> {
    if !marks.mean(SUBJECT) {
        return None;
    }
    let key = |mark: &Mark<'_>| {
        let specific = mark.words > 1 && mark.meaning != Meaning::Topic(Topic::InternetDown);
        let rank = u64::from(!mark.phrase.weak) * (1 + u64::from(specific));
        let key = 1 << 32 | rank << 24 | u64::from(mark.phrase.weight) << 8 | u64::from(mark.last);
        key * u64::from(mark.meaning.bit() == SUBJECT)
    };
    // «Перезвоню позже» puts off and asks for nothing.
    let denied = marks.mean(Meaning::No.bit());
    let put_off = |mark: &Mark<'_>| {
        let puts_off =
            |no: &Mark<'_>| no.words > 1 && no.meaning == Meaning::No && contains(no, mark);
        denied && marks.iter().any(puts_off)
    };
    let mark = marks.greatest(key, |mark| !put_off(mark))?;
    Some((mark.meaning.topic()?, mark))
}

/// The last mark with that meaning that stands: not turned by a word beside it, and not a part of
/// what denies it («оператор не нужен»).
pub(super) fn standing<'a>(marks: &'a Marks<'a>, meaning: Meaning) -> Option<&'a Mark<'a>> {
    if !marks.mean(meaning.bit()) {
        return None;
    }
    let key = |mark: &Mark<'_>| {
        let key = 1 << 24 | u64::from(mark.last) << 16 | u64::from(mark.phrase.weight);
        key * u64::from(mark.meaning == meaning)
    };
    marks.greatest(key, |mark| {
        !marks.turn(mark) && !marks.iter().any(|other| denies(marks, other, mark))
    })
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
    if !marks.mean(VERDICTS) {
        return None;
    }
    let says = |mark: &Mark<'_>| u64::from(mark.meaning.bit() & VERDICTS != 0);
    let weak = |mark: &Mark<'_>| u64::from(mark.phrase.weak);
    let clear = u64::from(marks.mean_clearly(VERDICTS));
    let counts = |mark: &Mark<'_>| says(mark) & !(clear & weak(mark));
    let opposed = marks.mean(Meaning::No.bit() | Meaning::Doubt.bit());
    let beaten = |mark: &Mark<'_>| {
        let covered = marks
            .iter()
            .map(|other| counts(other) & covers(other, mark));
        let takes = |other: &Mark<'_>| counts(other) == 1 && takes(marks, other, mark);
        let taken = opposed && mark.meaning == Meaning::Yes && marks.iter().any(takes);
        covered.max() == Some(1) || taken
    };
    // Who refuses in so many words and then wavers has refused.
    let refuses = |mark: &Mark<'_>| {
        let no = mark.meaning == Meaning::No && !mark.phrase.whole && !marks.turn(mark);
        no && counts(mark) == 1 && !beaten(mark)
    };
    let refused = marks.mean(Meaning::Doubt.bit()) && marks.iter().any(refuses);
    // Of two that are alike, the one that agrees counts less: a wrong yes is worse than a wrong no.
    let key = |mark: &Mark<'_>| {
        let [asked, no_yes] = [mark.asked(), mark.meaning != Meaning::Yes].map(u64::from);
        let weight = u64::from(mark.phrase.weight);
        let key = 1 << 32 | u64::from(mark.last) << 24 | asked << 20 | weight << 1 | no_yes;
        key * counts(mark)
    };
    let mark = marks.greatest(key, |mark| {
        !(beaten(mark) || refused && mark.meaning == Meaning::Doubt)
    })?;
    let meaning = match (mark.meaning, marks.turn(mark)) {
        (Meaning::Yes, true) => Meaning::No,
        (Meaning::No, true) => Meaning::Yes,
        (meaning, _) => meaning,
    };
    Some((meaning, mark))
}

/// What yes, no and doubt are in a set.
const VERDICTS: u16 = Meaning::Yes.bit() | Meaning::No.bit() | Meaning::Doubt.bit();

/// 1 if a longer phrase covers another.
fn covers(outer: &Mark<'_>, inner: &Mark<'_>) -> u64 {
    u64::from(contains(outer, inner)) & u64::from(outer.size() > inner.size())
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
            .any(|yes| yes.meaning == Meaning::Yes && covers(yes, part) == 1)
    };
    let refuses = |mark: &Mark<'_>| {
        let no = mark.meaning == Meaning::No && !mark.phrase.whole && !marks.turn(mark);
        (no || mark.meaning == Meaning::Doubt) && !agreed(mark)
    };
    !marks.iter().any(refuses) && (0..).take(words).all(|at| covered(at) || denied(at))
}
