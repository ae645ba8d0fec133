//! From phrases and likelihoods to a decision. The rules speak first; beside the examples their word
//! weighs a fixed sum. Where an error costs most, limits of their own decide: a person is granted on
//! little, consent needs nearly everything.

use crate::call::{Locale, Question, Topic};
use crate::understanding::Intent;
use crate::understanding::marks::{Mark, Marks};
use crate::understanding::model::{self, Kind, Logits, OPERATOR, UNCLEAR};
use crate::understanding::phrases::Meaning;
use crate::understanding::rules;

/// What an utterance means, and what decided.
pub(super) struct Decision<'m> {
    pub(super) intent: Intent,
    pub(super) score: u16,
    pub(super) rule: &'static str,
    /// The phrase that says so; `None` if only the examples do.
    pub(super) mark: Option<&'m Mark<'m>>,
    /// The two most likely labels, by their place among the question's.
    pub(super) likely: Option<[usize; 2]>,
    /// What it means otherwise.
    pub(super) runner_up: Option<(Intent, u16)>,
}

impl Decision<'_> {
    /// Digits, where digits are asked.
    pub(super) const DIGITS: Self = Self {
        intent: Intent::Digits,
        score: rules::CLEAR,
        rule: "number words",
        mark: None,
        likely: None,
        runner_up: None,
    };

    const NOTHING: Self = Self {
        intent: Intent::Unclear,
        score: 0,
        rule: "nothing was recognised",
        mark: None,
        likely: None,
        runner_up: None,
    };
}

/// How much the rules' word weighs beside the examples, in logits: of a subject, of a yes or no, of any
/// other answer.
const RULE_SUBJECT: f64 = 1.25;
const RULE_YES_NO: f64 = 1.5;
const RULE: f64 = 2.0;
/// Below this an answer is not clear enough to be one: of an open question, of yes or no.
const LEAST_OPEN: f64 = 0.2;
const LEAST_YES_NO: f64 = 0.4;
/// How likely a wish for a person must be to be granted: to miss one is worse than a call too many.
const PERSON: f64 = 0.1;
/// How likely consent must be where the rules hear it too, and where they do not.
const CONSENT: f64 = 0.7;
const CONSENT_UNHEARD: f64 = 0.97;

/// Decides.
pub(super) fn decide<'m>(
    question: Question,
    marks: &'m Marks<'m>,
    words: usize,
    logits: Option<&(Kind, Logits)>,
) -> Decision<'m> {
    let mut ruled = answer(question, marks);
    let consent = question == Question::ConfirmTicket
        && ruled.is_some_and(|(intent, ..)| intent == Intent::Yes);
    if consent && !rules::consents(marks, words) {
        let other = rules::topic(marks).filter(|(topic, mark)| {
            !mark.phrase.weak && !is_asked_about(question, *topic, rules::verdict(marks))
        });
        ruled = other.map(|(_, mark)| other_topic(mark));
    }
    match logits {
        Some((kind, logits)) => weigh(question, *kind, logits, ruled),
        None => by_rules(ruled),
    }
}

/// The rules alone.
fn by_rules(ruled: Option<Answer<'_>>) -> Decision<'_> {
    ruled.map_or(Decision::NOTHING, |(intent, score, mark, rule)| Decision {
        intent,
        score,
        rule,
        mark: Some(mark),
        ..Decision::NOTHING
    })
}

/// Rules and examples together.
fn weigh<'m>(
    question: Question,
    kind: Kind,
    logits: &Logits,
    ruled: Option<Answer<'m>>,
) -> Decision<'m> {
    let labels = kind.labels();
    let place = |intent: Intent| labels.iter().position(|label| *label == intent);
    let rule = ruled.and_then(|(intent, ..)| place(intent));
    if ruled.is_some() && rule.is_none() {
        // What no example says: another language, or again where a subject is asked for.
        return by_rules(ruled);
    }
    let mut likely = *logits;
    if let Some(at) = rule {
        likely[at] += match labels[at] {
            Intent::Topic(_) => RULE_SUBJECT,
            Intent::Yes | Intent::No => RULE_YES_NO,
            Intent::Operator
            | Intent::Repeat
            | Intent::OtherTopic
            | Intent::Language(_)
            | Intent::Digits
            | Intent::Unclear => RULE,
        };
    }
    model::likelihoods(labels.len(), &mut likely);
    let [mut first, mut second] = two_most(&likely[..labels.len()]);
    if first != OPERATOR && likely[OPERATOR] >= PERSON {
        [first, second] = [OPERATOR, first];
    }
    let least = match kind {
        Kind::Open => LEAST_OPEN,
        Kind::YesNo => LEAST_YES_NO,
    };
    let stands = likely[first] >= least || first == OPERATOR;
    let enough = if rule == Some(first) {
        CONSENT
    } else {
        CONSENT_UNHEARD
    };
    let consent = question == Question::ConfirmTicket && labels[first] == Intent::Yes;
    let agreed = !consent || likely[first] >= enough;
    if !(stands && agreed) && first != UNCLEAR {
        [first, second] = [UNCLEAR, first];
    }
    let runner_up =
        (labels[second] != labels[first]).then(|| (labels[second], permille(likely[second])));
    let by_rule = ruled.filter(|(intent, ..)| *intent == labels[first]);
    Decision {
        intent: labels[first],
        // What the rules take for a hint is asked about, however likely it is.
        score: by_rule
            .map_or(1000, |(_, score, ..)| score)
            .min(permille(likely[first])),
        rule: by_rule.map_or("as in the examples", |(.., rule)| rule),
        mark: by_rule.map(|(_, _, mark, _)| mark),
        likely: Some([first, second]),
        runner_up,
    }
}

/// The places of the two largest; of equals the first.
fn two_most(likely: &[f64]) -> [usize; 2] {
    // Numbers that are not negative are in the order of their bits; the last of them tell nothing.
    let keys = (0..=PLACE).zip(likely);
    let keys = keys.map(|(at, likely)| likely.to_bits() & !PLACE | (PLACE - at));
    // No branch: each utterance has another one first.
    let [first, second] = keys.fold([0; 2], |[first, second]: [u64; 2], key| {
        [first.max(key), second.max(first.min(key))]
    });
    [first, second].map(|key| usize::try_from(PLACE - (key & PLACE)).unwrap_or_default())
}

/// Bits for a label's place.
const PLACE: u64 = 31;

/// A likelihood in thousandths.
fn permille(likelihood: f64) -> u16 {
    // Beside so large a number a double has no place for fractions: its last bits are the whole number.
    let whole = (likelihood * 1000.0 + WHOLE).to_bits() & 0xFFFF;
    u16::try_from(whole).unwrap_or_default()
}

/// 2^52.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// What is meant, how sure, the phrase that decided, and the rule.
type Answer<'m> = (Intent, u16, &'m Mark<'m>, &'static str);

/// The rules, the strongest first.
fn answer<'m>(question: Question, marks: &'m Marks<'m>) -> Option<Answer<'m>> {
    let topic = rules::topic(marks);
    let person = rules::standing(marks, Meaning::Operator);
    // The word alone may be said of an operator («оператор обещал»); a subject then tells more.
    let person =
        person.filter(|mark| !mark.phrase.weak || topic.is_none_or(|(_, topic)| topic.phrase.weak));
    let verdict = rules::verdict(marks);
    if let Some(mark) = person.filter(|person| !agrees_to_person(question, person, marks)) {
        return Some((Intent::Operator, rules::CLEAR, mark, "asks for a person"));
    }
    for &locale in Locale::ALL {
        if let Some(mark) = rules::standing(marks, Meaning::Language(locale)) {
            return Some((
                Intent::Language(locale),
                rules::CLEAR,
                mark,
                "asks for a language",
            ));
        }
    }
    let open = matches!(question, Question::Open | Question::AnythingElse);
    let subject = topic
        .filter(|(_, mark)| open && !mark.phrase.weak && !says_no_after(question, verdict, mark));
    if let Some((topic, mark)) = subject {
        return Some((Intent::Topic(topic), rules::CLEAR, mark, "names a subject"));
    }
    // Who wants to hear it again has agreed to nothing yet.
    if let Some(mark) = rules::standing(marks, Meaning::Repeat) {
        return Some((Intent::Repeat, rules::CLEAR, mark, "asks to hear it again"));
    }
    match (question, topic) {
        (Question::Open, Some((topic, mark))) => Some((
            Intent::Topic(topic),
            rules::HINT,
            mark,
            "a hint of a subject",
        )),
        (Question::Open | Question::AnythingElse, _) => yes_no(verdict),
        (question, topic) => closed(question, topic, verdict),
    }
}

/// «Соедините» agrees where an operator was offered, and asks for one anywhere else.
fn agrees_to_person(question: Question, person: &Mark<'_>, marks: &Marks<'_>) -> bool {
    let agrees = |mark: &Mark<'_>| {
        mark.meaning == Meaning::Yes
            && mark.asked()
            && mark.first <= person.first
            && person.last <= mark.last
    };
    question == Question::ConfirmOperator && marks.iter().any(agrees)
}

type Verdict<'m> = Option<(Meaning, &'m Mark<'m>)>;

/// Where nothing else was offered, a no behind the subject takes it back.
fn says_no_after(question: Question, verdict: Verdict<'_>, topic: &Mark<'_>) -> bool {
    let no =
        |(meaning, mark): (Meaning, &Mark<'_>)| meaning == Meaning::No && mark.first > topic.last;
    question == Question::AnythingElse && verdict.is_some_and(no)
}

/// Whether a subject is what the question is about: a fault always is, the mobile line is the other
/// side of `confirm_home`, a technician that of `confirm_ticket`.
fn is_asked_about(question: Question, topic: Topic, verdict: Verdict<'_>) -> bool {
    match topic {
        Topic::InternetDown | Topic::CableDamaged | Topic::FrequentDrops | Topic::SlowInternet => {
            true
        }
        Topic::MobileNumber | Topic::MobileBalance => question == Question::ConfirmHome,
        Topic::TechnicianEta => {
            question == Question::ConfirmTicket && verdict.is_some_and(|(_, said)| said.asked())
        }
        Topic::Tv
        | Topic::Password
        | Topic::PaidWrongLogin
        | Topic::PaymentNotArrived
        | Topic::ChangeTariff
        | Topic::CallbackWait
        | Topic::Relocation
        | Topic::TariffInfo
        | Topic::StaticIp
        | Topic::EquipmentLostOrDamaged
        | Topic::VoluntaryBlock
        | Topic::ReturnEquipment => false,
    }
}

/// A yes/no question: another matter stands instead of an answer, unless the answer is given beside
/// it, or the matter is the one that is asked about.
fn closed<'m>(
    question: Question,
    topic: Option<(Topic, &'m Mark<'m>)>,
    verdict: Verdict<'m>,
) -> Option<Answer<'m>> {
    let Some((topic, mark)) = topic.filter(|(_, mark)| !mark.phrase.weak) else {
        return yes_no(verdict);
    };
    match verdict {
        None if question == Question::ConfirmHome && is_asked_about(question, topic, verdict) => {
            Some((
                Intent::Yes,
                rules::DECENT,
                mark,
                "describes what was asked about",
            ))
        }
        verdict if is_asked_about(question, topic, verdict) => yes_no(verdict),
        Some((meaning, said)) if answers_beside(question, mark, meaning, said) => yes_no(verdict),
        _ => Some(other_topic(mark)),
    }
}

const fn other_topic<'m>(mark: &'m Mark<'m>) -> Answer<'m> {
    (
        Intent::OtherTopic,
        rules::DECENT,
        mark,
        "brings up another matter",
    )
}

/// Whether a yes or no is an answer of its own and no part of the words about another matter. Consent
/// is never read out of words about something else.
fn answers_beside(question: Question, topic: &Mark<'_>, meaning: Meaning, said: &Mark<'_>) -> bool {
    let part = topic.first <= said.first && said.last <= topic.last && topic.words > said.words;
    let own = said.asked() && !said.phrase.weak && !part;
    let behind = said.first > topic.last;
    let agrees = said.phrase.whole && question != Question::ConfirmTicket;
    own || (behind && (meaning == Meaning::No || agrees))
}

fn yes_no(verdict: Verdict<'_>) -> Option<Answer<'_>> {
    let (meaning, mark) = verdict?;
    let intent = match meaning {
        Meaning::Yes => Intent::Yes,
        Meaning::No => Intent::No,
        Meaning::Doubt
        | Meaning::Operator
        | Meaning::Repeat
        | Meaning::Language(_)
        | Meaning::Topic(_)
        | Meaning::Filler
        | Meaning::NotBefore
        | Meaning::NotAfter => return None,
    };
    let score = if mark.phrase.weak {
        rules::DECENT
    } else {
        rules::CLEAR
    };
    Some((intent, score, mark, "the last word on it"))
}
