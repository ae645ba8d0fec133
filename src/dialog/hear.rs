//! From the end of a listen to what the caller meant. Decides nothing about where that leads.

use crate::call::{Locale, Question, Topic};
use crate::dialog::event::{Alternative, ListenCause};
use crate::flow::Limits;
use crate::understanding::{Grammars, Intent, Place, Understood};

/// A longer n-best list adds nothing but work.
const MAX_ALTERNATIVES: usize = 8;

/// What the caller meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The wish for a person.
    Operator,
    /// To hear it again.
    Repeat,
    /// Another language.
    Language(Locale),
    /// A subject; `sure` is false in the confirm band.
    Topic {
        /// Which.
        topic: Topic,
        /// Whether it needs no confirmation.
        sure: bool,
    },
    /// Digits or keys, where digits are asked.
    Digits(String),
    /// What may be an address, where a line is to be chosen, and the digits in it.
    Place {
        /// The address.
        place: Place,
        /// The digits in it.
        digits: String,
    },
    /// Nothing was said.
    Silence,
    /// Nothing that answers the question.
    NoMatch,
    /// The recogniser failed: not the caller's doing.
    Broken,
    /// The listen was stopped by us or by the end of the call.
    Nothing,
}

/// What one listen gave, and the language it was in, if that can be told.
pub(super) struct Hearing<'a> {
    pub(super) grammars: &'a Grammars,
    pub(super) limits: &'a Limits,
    pub(super) locale: Option<Locale>,
    pub(super) question: Question,
}

impl Hearing<'_> {
    pub(super) fn hear(
        &self,
        cause: ListenCause,
        digits: &str,
        alternatives: &[Alternative],
    ) -> (Heard, Option<Locale>) {
        match cause {
            ListenCause::Digits => (self.keys(digits), None),
            ListenCause::Speech => self.speech(alternatives),
            ListenCause::NoInput => (Heard::Silence, None),
            ListenCause::NoMatch | ListenCause::MaxSpeech => (Heard::NoMatch, None),
            ListenCause::Failed => (Heard::Broken, None),
            ListenCause::Stopped | ListenCause::CallEnded => (Heard::Nothing, None),
        }
    }

    fn keys(&self, keys: &str) -> Heard {
        match (keys, self.question) {
            ("0", _) => Heard::Operator,
            ("*", _) => Heard::Repeat,
            (keys, Question::ChooseLogin | Question::AskLogin) => digits_only(keys),
            ("8", _) | ("1", Question::Language) => Heard::Language(Locale::Kk),
            ("9", _) | ("2", Question::Language) => Heard::Language(Locale::Ru),
            ("1", question) if is_yes_no(question) => Heard::Yes,
            ("2", question) if is_yes_no(question) => Heard::No,
            _ => Heard::NoMatch,
        }
    }

    /// The best alternative decides; two rules look at the others. The wish for a person counts
    /// wherever it is heard well. Consent to a ticket needs every alternative that is not rejected
    /// to say yes: a wrong yes sends a technician.
    fn speech(&self, alternatives: &[Alternative]) -> (Heard, Option<Locale>) {
        let mut heard = alternatives
            .iter()
            .take(MAX_ALTERNATIVES)
            .map(|alternative| {
                let confidence = alternative.confidence_permille.unwrap_or(1000);
                let text = alternative.text.reveal();
                (
                    confidence,
                    text,
                    self.grammars.understand(self.locale, self.question, text),
                )
            });
        let Some((confidence, text, best)) = heard.next() else {
            return (Heard::NoMatch, None);
        };
        let (mut person, mut doubt) = (false, false);
        for (confidence, _, other) in heard {
            let sure = confidence.min(other.score);
            person |= other.intent == Intent::Operator && sure >= self.limits.accept_permille;
            doubt |= other.intent != Intent::Yes && confidence >= self.limits.reject_permille;
        }
        let locale = best.locale;
        let meant = self.meant(confidence, text, &best);
        if person {
            return (Heard::Operator, locale);
        }
        if doubt && meant == Heard::Yes && self.question == Question::ConfirmTicket {
            return (Heard::NoMatch, locale);
        }
        (meant, locale)
    }

    fn meant(&self, confidence: u16, text: &str, understood: &Understood) -> Heard {
        let sure = confidence.min(understood.score);
        let place = self.question == Question::ChooseLogin && understood.intent == Intent::Unclear;
        if place && confidence >= self.limits.reject_permille {
            return self.place(text, "");
        }
        if sure < self.limits.reject_permille {
            return Heard::NoMatch;
        }
        let accepted = sure >= self.limits.accept_permille;
        match understood.intent {
            Intent::Operator => Heard::Operator,
            Intent::Repeat => Heard::Repeat,
            Intent::Topic(topic) if accepted || self.question == Question::Open => Heard::Topic {
                topic,
                sure: accepted,
            },
            Intent::Yes if accepted && is_yes_no(self.question) => Heard::Yes,
            Intent::No if accepted && is_yes_no(self.question) => Heard::No,
            Intent::Language(locale) if accepted => Heard::Language(locale),
            Intent::Digits if accepted && self.question == Question::ChooseLogin => {
                self.place(text, &understood.digits)
            }
            Intent::Digits if accepted && asks_digits(self.question) => {
                Heard::Digits(understood.digits.clone())
            }
            Intent::OtherTopic if accepted => self.other_topic(confidence, text),
            Intent::Yes
            | Intent::No
            | Intent::Topic(_)
            | Intent::Language(_)
            | Intent::Digits
            | Intent::OtherTopic
            | Intent::Unclear => Heard::NoMatch,
        }
    }

    fn place(&self, text: &str, digits: &str) -> Heard {
        Heard::Place {
            place: self.grammars.place(text),
            digits: digits.to_owned(),
        }
    }

    /// Which other matter: the same words, as an answer to the open question.
    fn other_topic(&self, confidence: u16, text: &str) -> Heard {
        let understood = self.grammars.understand(self.locale, Question::Open, text);
        let sure = confidence.min(understood.score) >= self.limits.accept_permille;
        match understood.intent {
            Intent::Topic(topic) if sure => Heard::Topic { topic, sure },
            Intent::Operator => Heard::Operator,
            Intent::Yes
            | Intent::No
            | Intent::Repeat
            | Intent::OtherTopic
            | Intent::Topic(_)
            | Intent::Language(_)
            | Intent::Digits
            | Intent::Unclear => Heard::NoMatch,
        }
    }
}

/// Longest login that can be keyed or spoken; more is noise.
pub(super) const MAX_LOGIN_DIGITS: usize = 16;

fn digits_only(keys: &str) -> Heard {
    let fits = (1..=MAX_LOGIN_DIGITS).contains(&keys.len());
    if fits && keys.bytes().all(|b| b.is_ascii_digit()) {
        Heard::Digits(keys.to_owned())
    } else {
        Heard::NoMatch
    }
}

/// Questions whose answer is yes or no.
pub(super) const fn is_yes_no(question: Question) -> bool {
    match question {
        Question::ConfirmTopic
        | Question::ConfirmHome
        | Question::AtHome
        | Question::ConfirmTicket
        | Question::ConfirmOperator
        | Question::PaymentWhen
        | Question::AnythingElse => true,
        Question::Open | Question::ChooseLogin | Question::AskLogin | Question::Language => false,
    }
}

/// Questions whose answer is digits.
pub(super) const fn asks_digits(question: Question) -> bool {
    matches!(question, Question::ChooseLogin | Question::AskLogin)
}
