//! A recording that may leave the house: numbers, logins, addresses, names of things and the words
//! of the caller are replaced, the same by the same, so that calls of one caller stay together and
//! the call replays alike. What cannot be shown to go the same way is refused, never guessed.
//!
//! Only what came in is replaced; what Dana did is then done again by her dialog. So nothing of the
//! old values is left in any text that was spoken, and the replay of the outcome is what it says.

mod pseudonyms;

use std::sync::Arc;

use ring::hmac;

use crate::bundle::Bundle;
use crate::call::{CallId, Digit, Locale, Login, Question, Said};
use crate::dialog::action::Action;
use crate::dialog::event::{Alternative, Event, ListenCause, Offer};
use crate::journal::Entry;
use crate::lookup::{Finding, LineTestFinding, SubscriberFinding, TicketResult, TicketsFinding};
use crate::retrace::{does_the_same, retrace};
use crate::traffic::Words;
use crate::understanding::{Intent, Understood};
use pseudonyms::Pseudonyms;

/// Utterances that are tried as the place of one.
const TRIED: usize = 48;
/// Other choices that are made if a call does not go the same way.
const ATTEMPTS: u64 = 4;

/// Why a call is not redacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The flow is another one.
    #[error("it was made with the flow {0}: name its folder (--bundle)")]
    OtherFlow(String),
    /// The beginning is missing.
    #[error("its beginning is not here")]
    NoBeginning,
    /// The recording is not what this flow does with such a call, already as it is.
    #[error("this build does not do what the recording says")]
    OtherBuild,
    /// It would not go the same way.
    #[error("it does not go the same way with other words")]
    GoesElsewhere,
}

/// Makes recordings that may leave the house.
#[derive(Debug)]
pub struct Redactor {
    bundle: Arc<Bundle>,
    words: Words,
    pseudonyms: Pseudonyms,
}

/// What is known at a point of the call.
#[derive(Debug)]
struct Known {
    attempt: u64,
    /// The last question, and the language that its answer was expected in.
    asked: Option<(Question, Option<Locale>)>,
    logins: Vec<Login>,
    addresses: Vec<Said>,
    /// Keys that were pressed since the last answer, by the place of their entry.
    keys: Vec<usize>,
}

impl Known {
    const fn new(attempt: u64) -> Self {
        Self {
            attempt,
            asked: None,
            logins: Vec::new(),
            addresses: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn action(&mut self, action: &Action) {
        if let Action::Listen(listen) = action {
            self.asked = Some((listen.question, listen.locale));
        }
    }

    fn event(&mut self, event: &Event, place: usize) {
        if let Event::Found(Finding::Subscriber(SubscriberFinding::Known(known))) = event {
            let lines = known.lines.iter();
            self.logins = lines.clone().map(|line| line.login.clone()).collect();
            self.addresses = lines.filter_map(|line| line.address.clone()).collect();
        }
        if matches!(event, Event::DtmfReceived { .. }) {
            self.keys.push(place);
        }
    }
}

impl Redactor {
    /// The same key always gives the same replacements.
    pub fn new(bundle: Arc<Bundle>, words: Words, key: hmac::Key) -> Self {
        Self {
            bundle,
            words,
            pseudonyms: Pseudonyms::new(key),
        }
    }

    /// The call, redacted.
    ///
    /// # Errors
    /// It cannot be, see [`Refused`].
    pub fn redact(&self, call: &[Entry]) -> Result<Vec<Entry>, Refused> {
        let Some(Entry::Header(header)) = call.first() else {
            return Err(Refused::NoBeginning);
        };
        if header.bundle != self.bundle.hash {
            return Err(Refused::OtherFlow(header.bundle.to_string()));
        }
        let as_it_is = retrace(&self.bundle, call).ok_or(Refused::NoBeginning)?;
        if !does_the_same(call, &as_it_is.entries) {
            return Err(Refused::OtherBuild);
        }
        for attempt in 0..ATTEMPTS {
            let replaced = self.replace(call, attempt);
            let again = retrace(&self.bundle, &replaced).ok_or(Refused::NoBeginning)?;
            let in_time = again.punctual || !as_it_is.punctual;
            if in_time && does_the_same(call, &again.entries) {
                return Ok(again.entries);
            }
        }
        Err(Refused::GoesElsewhere)
    }

    /// All that came in, replaced.
    fn replace(&self, call: &[Entry], attempt: u64) -> Vec<Entry> {
        let mut known = Known::new(attempt);
        let mut replaced: Vec<Entry> = Vec::with_capacity(call.len());
        for entry in call {
            let mut entry = entry.clone();
            match &mut entry {
                Entry::Header(header) => {
                    header.offer = self.offer(&header.offer).into();
                    header.audio = None;
                }
                Entry::Action { action, .. } => known.action(action),
                Entry::Event { event, .. } => {
                    known.event(event, replaced.len());
                    self.answer(event, &mut known, &mut replaced);
                    self.event(event);
                }
                Entry::Gap { .. } | Entry::Ended { .. } => {}
            }
            replaced.push(entry);
        }
        // What was keyed when the recording broke off.
        self.keyed(&mut known, &mut replaced, "");
        replaced
    }

    /// What a caller said or keyed.
    fn answer(&self, event: &mut Event, known: &mut Known, replaced: &mut [Entry]) {
        let Event::ListenFinished {
            cause,
            digits,
            alternatives,
            ..
        } = event
        else {
            return;
        };
        let answer = if *cause == ListenCause::Digits {
            digits.reveal().to_owned()
        } else {
            // What they were no answer to, they may have been the beginning of.
            String::new()
        };
        self.keyed(known, replaced, &answer);
        *digits = Said::new(&self.digits(digits.reveal(), known));
        for alternative in alternatives {
            self.words(alternative, known);
        }
    }

    /// The keys of an answer were pressed one by one before it; those before them, or of no answer,
    /// are as telling.
    fn keyed(&self, known: &mut Known, replaced: &mut [Entry], answer: &str) {
        let keys = std::mem::take(&mut known.keys);
        // A terminator is pressed too and is not among the digits.
        let pressed = |place: &usize| {
            let digit = replaced.get(*place).and_then(key)?.as_char();
            digit.is_ascii_digit().then_some((*place, digit))
        };
        let pressed: Vec<(usize, char)> = keys.iter().filter_map(pressed).collect();
        let own = self.digits(answer, known);
        let own: Vec<Digit> = own.chars().filter_map(Digit::new).collect();
        let (before, of_answer) = pressed.split_at(pressed.len().saturating_sub(own.len()));
        let before: String = before.iter().map(|(_, digit)| *digit).collect();
        let before = self.digits(&before, known);
        // Of an answer whose first keys are lost, the last ones.
        let own = own.into_iter().rev().take(of_answer.len()).rev();
        let own = before.chars().filter_map(Digit::new).chain(own);
        for ((place, _), own) in pressed.iter().zip(own) {
            if let Some(Entry::Event {
                event: Event::DtmfReceived { digit, .. },
                ..
            }) = replaced.get_mut(*place)
            {
                *digit = own;
            }
        }
    }

    fn offer(&self, offer: &Offer) -> Offer {
        let own = &self.pseudonyms;
        let name = own.name("call", &offer.call_key);
        Offer {
            call: CallId::new(&name).unwrap_or_else(|| offer.call.clone()),
            call_key: format!("redacted:{name}").into(),
            from: offer.from.as_ref().map(|number| own.number(number)),
            ..offer.clone()
        }
    }

    /// What the back ends told.
    fn event(&self, event: &mut Event) {
        let own = &self.pseudonyms;
        match event {
            Event::Found(Finding::Subscriber(SubscriberFinding::Known(known))) => {
                known.customer = own.alike("customer", &known.customer);
                for line in &mut known.lines {
                    line.login = own.login(&line.login);
                    line.address = line.address.as_ref().map(|address| own.address(address));
                    for (what, of) in [
                        ("house", &mut line.house),
                        ("resource", &mut line.resource),
                        ("account", &mut line.account),
                    ] {
                        *of = of.as_ref().map(|of| own.alike(what, of));
                    }
                }
            }
            Event::Found(Finding::Tickets(TicketsFinding::Open(ticket))) => {
                ticket.id = own.alike("ticket", &ticket.id);
            }
            Event::TicketFinished(TicketResult::Created { id }) => *id = own.alike("ticket", id),
            Event::Found(Finding::LineTest(LineTestFinding::CableFault { test })) => {
                *test = own.alike("test", test);
            }
            Event::Found(_)
            | Event::TicketFinished(_)
            | Event::Answered
            | Event::PlaybackFinished { .. }
            | Event::ListenFinished { .. }
            | Event::DtmfReceived { .. }
            | Event::SpeechStarted
            | Event::TransferProgress { .. }
            | Event::TransferFinished { .. }
            | Event::CallEnded { .. }
            | Event::ActionFailed { .. }
            | Event::Resumed
            | Event::Woke
            | Event::Unknown => {}
        }
    }

    /// Keys, or digits that were said: the end of a login becomes that of its pseudonym. One key is a
    /// choice and stays.
    fn digits(&self, digits: &str, known: &Known) -> String {
        if digits.chars().count() <= 1 {
            return digits.to_owned();
        }
        let whose = known
            .logins
            .iter()
            .find(|login| login.reveal().ends_with(digits));
        match whose {
            Some(login) => {
                let own = self.pseudonyms.login(login);
                let from = own.reveal().len().saturating_sub(digits.len());
                own.reveal().get(from..).unwrap_or_default().to_owned()
            }
            None => self.pseudonyms.alike("login", digits),
        }
    }

    /// Words become others of the same meaning, as sure, in the same language.
    fn words(&self, alternative: &mut Alternative, known: &Known) {
        let Some((question, locale)) = known.asked else {
            alternative.text = Said::default();
            return;
        };
        let text = alternative.text.reveal();
        let grammars = &self.bundle.grammars;
        let meant = grammars.understand(locale, question, text);
        let address = || {
            let places = known
                .addresses
                .iter()
                .map(|address| grammars.place(address.reveal()));
            let which = grammars.place(text).nearest(&places.collect::<Vec<_>>())?;
            known.addresses.get(usize::from(which))
        };
        let own = match (question, meant.intent) {
            (_, Intent::Digits) => self.digits(&meant.digits, known),
            (Question::ChooseLogin, Intent::Unclear) if address().is_some() => {
                let street = |address| self.pseudonyms.street(address);
                address().map(street).unwrap_or_default()
            }
            // No example says it.
            (_, Intent::Language(Locale::Kk)) => "қазақша".to_owned(),
            (_, Intent::Language(Locale::Ru)) => "по-русски".to_owned(),
            _ => self.others(text, (question, locale), &meant, known.attempt),
        };
        alternative.text = Said::new(&own);
    }

    /// The example that is understood most like it.
    fn others(
        &self,
        text: &str,
        (question, locale): (Question, Option<Locale>),
        meant: &Understood,
        attempt: u64,
    ) -> String {
        let grammars = &self.bundle.grammars;
        let examples = self.words.like(question, meant.intent.as_str(), text);
        let first = self.pseudonyms.place(text, attempt, examples.len());
        let subject = |text: &str| {
            let other = meant.intent == Intent::OtherTopic;
            other.then(|| grammars.understand(locale, Question::Open, text).intent)
        };
        let wanted = subject(text);
        let tried = TRIED.min(examples.len());
        let candidates = examples.iter().cycle().skip(first).take(tried);
        let likeness = |candidate: &&String| {
            let heard = grammars.understand(locale, question, candidate);
            let same = heard.intent == meant.intent && heard.locale == meant.locale;
            let same = same && subject(candidate) == wanted;
            (!same, heard.score.abs_diff(meant.score))
        };
        let best = candidates.min_by_key(likeness);
        best.cloned().unwrap_or_default()
    }
}

/// The key of an entry.
const fn key(entry: &Entry) -> Option<Digit> {
    match entry {
        Entry::Event {
            event: Event::DtmfReceived { digit, .. },
            ..
        } => Some(*digit),
        Entry::Event { .. }
        | Entry::Header(_)
        | Entry::Action { .. }
        | Entry::Gap { .. }
        | Entry::Ended { .. } => None,
    }
}
