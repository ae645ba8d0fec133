//! Questions: the listen, the ladder of misses, and where an answer leads.

use std::sync::Arc;

use crate::call::{Digit, Locale, Question, Said, Topic};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Listen, TypeAhead};
use crate::dialog::event::{Alternative, ListenCause};
use crate::dialog::hear::{Heard, Hearing, MAX_LOGIN_DIGITS, asks_digits, is_yes_no};
use crate::dialog::say::{Broken, Cut};
use crate::dialog::state::{Answer, Phase, ask_of};
use crate::dialog::trail::Exit;
use crate::flow::{Ask, MAX_MISSES, Outcome, Step, StepId};
use crate::lookup::{Line, LookupKind};
use crate::prompt::PromptId;
use crate::understanding::Place;

impl Dialog {
    /// Asks: the step's prompts and the listen, in one turn.
    pub(super) fn ask(&mut self, step: &Step, ask: &Ask) -> Result<(), Broken> {
        match ask.question {
            Question::ConfirmHome => self.core.facts.home = false,
            Question::ConfirmTicket => self.core.facts.consent = false,
            Question::Open
            | Question::ConfirmTopic
            | Question::ChooseLogin
            | Question::AskLogin
            | Question::AtHome
            | Question::ConfirmOperator
            | Question::PaymentWhen
            | Question::AnythingElse
            | Question::Language => {}
        }
        let prompts = self.resolve(&step.say)?;
        self.put(step, ask, &prompts)
    }

    /// Plays `prompts` as the question and listens.
    fn put(&mut self, step: &Step, ask: &Ask, prompts: &[PromptId]) -> Result<(), Broken> {
        let cut = Cut {
            barge_in: step.barge_in,
            after_ms: step.barge_in_after_ms,
        };
        let after_playback = self.play(prompts, cut)?;
        let id = self.next_id();
        let limits = &self.bundle.flow.limits;
        let grammars = &self.bundle.grammars;
        let keyed = asks_digits(ask.question) || ask.question == Question::Language;
        let login = ask.question == Question::AskLogin;
        self.core.phase = Phase::Asking;
        self.ledger.listen = Some(id);
        self.actions.push(Action::Listen(Listen {
            id,
            question: ask.question,
            after_playback,
            locale: self.core.locale,
            phrases: grammars.phrases(self.core.locale, ask.question),
            max_digits: if login {
                u32::try_from(MAX_LOGIN_DIGITS).unwrap_or(1)
            } else {
                1
            },
            terminator: Digit::new('#').filter(|_| login),
            inter_digit_ms: limits.inter_digit_ms,
            no_input_ms: limits.no_input_ms,
            max_speech_ms: limits.max_speech_ms,
            type_ahead: if keyed {
                TypeAhead::Keep
            } else {
                TypeAhead::Flush
            },
            sensitive: login,
        }));
        Ok(())
    }

    /// The listen of the current question ended.
    pub(super) fn listened(
        &mut self,
        cause: ListenCause,
        digits: &str,
        alternatives: &[Alternative],
        spoken: Option<Locale>,
    ) {
        let bundle = Arc::clone(&self.bundle);
        let Some(ask) = ask_of(bundle.flow.step(self.core.step)) else {
            return;
        };
        let hearing = Hearing {
            grammars: &bundle.grammars,
            limits: &bundle.flow.limits,
            locale: self.core.locale,
            question: ask.question,
        };
        let (heard, understood) = hearing.hear(cause, digits, alternatives);
        self.meant(ask, heard, understood.or(spoken));
    }

    /// What the listen gave, understood: from here on texts and scores play no part.
    pub(super) fn meant(&mut self, ask: &Ask, heard: Heard, spoken: Option<Locale>) {
        if heard == Heard::Nothing {
            return;
        }
        self.ledger.listen = None;
        self.ledger.playing.clear();
        self.ledger.quiet_at = self.ledger.at;
        if !matches!(heard, Heard::Silence | Heard::NoMatch | Heard::Broken) {
            self.core.facts.spoken = true;
            self.follow(spoken);
        }
        self.answered_by(ask, heard);
    }

    /// The language of the call follows the caller: the first words where it is not known, two
    /// answers in a row in another where it is.
    fn follow(&mut self, spoken: Option<Locale>) {
        let other = spoken.is_some() && spoken != self.core.locale;
        if other && (self.core.locale.is_none() || self.core.drifted) {
            self.core.locale = spoken;
        }
        self.core.drifted = other && self.core.locale != spoken;
    }

    /// A key, as it is pressed: `0` is the operator, `*` a repeat.
    pub(super) fn key(&mut self, digit: Digit) {
        let bundle = Arc::clone(&self.bundle);
        let asking = self.core.phase == Phase::Asking;
        let asked = ask_of(bundle.flow.step(self.core.step)).filter(|_| asking);
        let waiting = matches!(self.core.phase, Phase::Finding(_) | Phase::Ticketing);
        let digits = asked.is_some_and(|ask| ask.question == Question::AskLogin);
        match (digit.as_char(), asked) {
            ('0', Some(ask)) if !digits => {
                self.hush();
                self.answered_by(ask, Heard::Operator);
            }
            ('0', None) if waiting => {
                self.hush();
                self.pass(Exit::Operator);
                self.enter(bundle.flow.always.operator);
            }
            ('*', Some(ask)) => {
                self.hush();
                self.answered_by(ask, Heard::Repeat);
            }
            _ => {}
        }
    }

    fn answered_by(&mut self, ask: &Ask, heard: Heard) {
        let question = ask.question;
        match heard {
            Heard::Yes => self.yes(question),
            Heard::No => self.no(question),
            Heard::Operator => {
                self.case.note(question, Answer::Operator);
                self.pass(Exit::Operator);
                self.go(self.bundle.flow.always.operator);
            }
            Heard::Repeat => self.again(question, Answer::Repeat, self.core.locale),
            Heard::Language(locale) if question == Question::Language => {
                self.core.locale = Some(locale);
                self.given(question);
            }
            Heard::Language(locale) => self.again(question, Answer::Language(locale), Some(locale)),
            Heard::Topic { topic, sure } => self.topic(question, topic, sure),
            Heard::Digits(digits) => self.digits(ask, &digits),
            Heard::Place { place, digits } => self.place(ask, &place, &digits),
            Heard::Silence => self.miss(ask, Answer::Silence),
            Heard::NoMatch => self.miss(ask, Answer::NotUnderstood),
            Heard::Broken => self.failed_listen(ask),
            Heard::Nothing => {}
        }
    }

    fn yes(&mut self, question: Question) {
        self.case.note(question, Answer::Yes);
        match question {
            Question::ConfirmHome => self.core.facts.home = true,
            Question::ConfirmTicket => self.core.facts.consent = true,
            Question::ConfirmTopic => {
                if let Some(topic) = self.case.topic_heard.take() {
                    self.turn_to(topic);
                    return;
                }
            }
            Question::Open
            | Question::ChooseLogin
            | Question::AskLogin
            | Question::AtHome
            | Question::ConfirmOperator
            | Question::PaymentWhen
            | Question::AnythingElse
            | Question::Language => {}
        }
        self.leave_question(Outcome::Yes);
    }

    fn no(&mut self, question: Question) {
        self.case.note(question, Answer::No);
        if question == Question::ConfirmTopic {
            // The misunderstanding was ours and costs like one; it also ends the way back to open.
            self.case.topic_heard = None;
            if self.spend() {
                return;
            }
        }
        self.leave_question(Outcome::No);
    }

    /// A subject. The same one again, in answer to a yes/no question, answers nothing.
    fn topic(&mut self, question: Question, topic: Topic, sure: bool) {
        let same = self.case.topic == Some(topic);
        if same && is_yes_no(question) && question != Question::AnythingElse {
            let bundle = Arc::clone(&self.bundle);
            if let Some(ask) = ask_of(bundle.flow.step(self.core.step)) {
                self.miss(ask, Answer::NotUnderstood);
            }
            return;
        }
        self.case.note(question, Answer::Topic(topic));
        if sure {
            self.case.topic_heard = None;
            self.turn_to(topic);
        } else {
            self.case.topic_heard = Some(topic);
            self.leave_question(Outcome::Confirm);
        }
    }

    /// The first subject is free, a change costs patience.
    fn turn_to(&mut self, topic: Topic) {
        let changed = self.core.facts.topic;
        self.core.facts.topic = true;
        self.case.topic = Some(topic);
        self.pass(Exit::Topic);
        if changed && self.spend() {
            return;
        }
        match self.bundle.flow.topics.get(&topic) {
            Some(&step) => self.go(step),
            None => self.go(self.bundle.flow.always.trouble),
        }
    }

    /// A key or digits that choose a line, or a login that the caller claims.
    fn digits(&mut self, ask: &Ask, digits: &str) {
        if ask.question == Question::AskLogin {
            self.case.login_claimed = Some(Said::new(digits));
            self.given(ask.question);
            return;
        }
        match self.line_meant(digits) {
            Some(line) if ask.question == Question::ChooseLogin => self.chosen(line),
            Some(_) | None => self.miss(ask, Answer::NotUnderstood),
        }
    }

    fn chosen(&mut self, line: u8) {
        self.choose_line(line);
        self.start_look_ups();
        self.given(Question::ChooseLogin);
    }

    /// An address as the caller says it, or digits within it.
    fn place(&mut self, ask: &Ask, place: &Place, digits: &str) {
        match place.nearest(&self.case.places) {
            Some(line) => self.chosen(line),
            None => self.digits(ask, digits),
        }
    }

    /// A single digit is the key of a line; more are the end of its login, if of one only.
    fn line_meant(&self, digits: &str) -> Option<u8> {
        let lines = &self.case.subscriber.as_ref()?.lines;
        let count = u8::try_from(lines.len()).ok()?;
        if digits.len() == 1 {
            let key: u8 = digits.parse().ok()?;
            return key.checked_sub(1).filter(|index| *index < count);
        }
        let ends = |(_, line): &(u8, &Line)| line.login.reveal().ends_with(digits);
        let mut meant = (0u8..count).zip(lines).filter(ends);
        let (index, _) = meant.next()?;
        meant.next().is_none().then_some(index)
    }

    fn given(&mut self, question: Question) {
        self.case.note(question, Answer::Given);
        self.leave_question(Outcome::Chosen);
    }

    fn leave_question(&mut self, outcome: Outcome) {
        self.ledger.told.clear();
        self.leave_by(outcome);
    }

    fn go(&mut self, step: StepId) {
        self.ledger.told.clear();
        self.enter(step);
    }

    /// Takes one of the call's patience; `true` if that was the last: the operator has the caller.
    fn spend(&mut self) -> bool {
        self.core.patience = self.core.patience.saturating_sub(1);
        if self.core.patience == 0 {
            self.pass(Exit::Patience);
            self.go(self.bundle.flow.always.patience);
        }
        self.core.patience == 0
    }

    /// A silence or an answer not understood: a reprompt, or out by the third.
    fn miss(&mut self, ask: &Ask, answer: Answer) {
        self.case.note(ask.question, answer);
        self.core.misses = self.core.misses.saturating_add(1);
        let silent = answer == Answer::Silence;
        if self.core.misses >= MAX_MISSES {
            self.core.patience = self.core.patience.saturating_sub(1);
            self.leave_question(if silent {
                Outcome::NoInput
            } else {
                Outcome::NoMatch
            });
            return;
        }
        if self.spend() {
            return;
        }
        self.pass(if silent {
            Exit::Silence(self.core.misses)
        } else {
            Exit::NotUnderstood(self.core.misses)
        });
        let reprompts = if silent { &ask.no_input } else { &ask.no_match };
        let reprompt = reprompts[usize::from(self.core.misses > 1)];
        self.put_again(&[reprompt]);
    }

    /// Says what was said since the last answer once more, in `locale`.
    fn again(&mut self, question: Question, answer: Answer, locale: Option<Locale>) {
        self.case.note(question, answer);
        self.pass(if answer == Answer::Repeat {
            Exit::Repeat
        } else {
            Exit::Language
        });
        self.core.locale = locale;
        if self.spend() {
            return;
        }
        let told = self.ledger.told.clone();
        let bundle = Arc::clone(&self.bundle);
        let step = bundle.flow.step(self.core.step);
        let question = match self.play(&told, Cut::ANY) {
            Ok(_) => self.resolve(&step.say),
            Err(broken) => Err(broken),
        };
        match question {
            Ok(prompts) => self.put_again(&prompts),
            Err(Broken) => self.enter(bundle.flow.always.trouble),
        }
    }

    /// The recogniser failed: the keys are offered, and the caller pays nothing.
    fn failed_listen(&mut self, ask: &Ask) {
        let step = self.core.step;
        self.broken();
        if self.core.step == step && self.core.phase == Phase::Asking {
            self.put_again(&[ask.no_match[1]]);
        }
    }

    fn put_again(&mut self, prompts: &[PromptId]) {
        let bundle = Arc::clone(&self.bundle);
        let step = bundle.flow.step(self.core.step);
        if let Some(aside) = self.untold(&bundle.flow) {
            self.go(aside);
            return;
        }
        let put = ask_of(step).is_some_and(|ask| self.put(step, ask, prompts).is_ok());
        if !put {
            self.enter(bundle.flow.always.trouble);
        }
    }

    /// Waits for a look-up no longer.
    pub(super) fn stop_waiting(&mut self, kind: LookupKind) {
        self.give_up(kind);
        self.leave_by(Outcome::Unavailable);
    }
}
