//! Who calls and what they do: answer, misunderstand, fall silent, press keys, speak over a prompt,
//! give up.

use crate::call::{Digit, Locale, Login, Question, Said, Topic};
use crate::caller::turns::{Does, Turn, When};
use crate::chance::Chance;
use crate::dialog::event::Alternative;
use crate::time::CallTime;
use crate::traffic::Wanted;
use crate::traffic::words::Words;
use crate::traffic::world::{Wish, World, other};

/// Calls of a line that called within the last day, out of a thousand.
const AGAIN: u64 = 85;
/// A question is asked three times, and a caller may come back to it once.
const VISITS: usize = 4;

/// Who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The number of the line.
    pub(super) line: u64,
    pub(super) locale: Locale,
    /// The gateway knows the language.
    pub(super) hint: bool,
    /// He called within the last day.
    pub(super) again: bool,
}

/// The caller of that call: a line of its own, or that of an earlier call.
pub(super) fn caller(wanted: Wanted, number: u64) -> Caller {
    let mut call = number;
    let mut again = false;
    let a_day = (wanted.calls / u64::from(wanted.days.max(1))).max(1);
    let mut chance = Chance::new(wanted.seed, &[5, call]);
    while chance.happens(AGAIN) && call > 0 {
        again = true;
        call -= 1 + chance.below(a_day.min(call));
        chance = Chance::new(wanted.seed, &[5, call]);
    }
    let line = chance.below(wanted.calls.max(1).saturating_mul(3));
    let mut chance = Chance::new(wanted.seed, &[6, line]);
    Caller {
        line,
        locale: if chance.happens(430) {
            Locale::Kk
        } else {
            Locale::Ru
        },
        hint: chance.happens(400),
        again,
    }
}

/// How somebody is.
struct Temper {
    reaction: (u32, u32),
    silent: u64,
    unclear: u64,
    keys: u64,
    over: u64,
    /// The recogniser hears him well.
    clear: u64,
}

/// What a caller does in such a world.
pub(super) fn turns(world: &World, words: &Words, chance: &mut Chance) -> Vec<Turn> {
    let calm = chance.happens(800);
    let temper = Temper {
        reaction: if calm { (450, 1_600) } else { (250, 3_200) },
        silent: if calm { 20 } else { 160 },
        unclear: if calm { 25 } else { 130 },
        keys: if chance.happens(180) { 750 } else { 20 },
        over: if chance.happens(250) { 500 } else { 60 },
        clear: if chance.happens(880) { 960 } else { 550 },
    };
    let mut says = Says {
        world,
        words,
        temper,
        locale: world.caller.locale,
    };
    // Somebody whose number has the other language on record.
    if chance.happens(25) {
        says.locale = other(says.locale);
    }
    let mut turns = Vec::new();
    for question in Question::ALL {
        for visit in 0..VISITS {
            turns.push(says.turn(*question, visit, chance));
        }
    }
    if chance.happens(if calm { 45 } else { 150 }) {
        let at = CallTime::from_ms(chance.ms(1_500, 75_000));
        turns.push(Turn {
            when: When::At(at),
            does: Does::HangsUp,
        });
    }
    turns
}

struct Says<'w> {
    world: &'w World,
    words: &'w Words,
    temper: Temper,
    locale: Locale,
}

/// What an answer comes to.
enum Answer {
    Intent(&'static str),
    Keys(String),
}

impl Says<'_> {
    fn turn(&self, question: Question, visit: usize, chance: &mut Chance) -> Turn {
        let temper = &self.temper;
        let after = chance.ms(temper.reaction.0, temper.reaction.1);
        let does = if chance.happens(temper.silent) {
            Does::KeepsSilent
        } else if chance.happens(3) {
            Does::Unheard
        } else if chance.happens(6) {
            Does::HangsUp
        } else {
            match self.answer(question, visit, chance) {
                Answer::Keys(keys) => Does::Presses(keys.chars().filter_map(Digit::new).collect()),
                Answer::Intent(intent) => self.says(question, intent, chance),
            }
        };
        let spoken = !matches!(does, Does::KeepsSilent);
        let when = if spoken && chance.happens(temper.over) {
            When::Over(Some(question), after + 500)
        } else {
            When::After(Some(question), after)
        };
        Turn { when, does }
    }

    fn answer(&self, question: Question, visit: usize, chance: &mut Chance) -> Answer {
        if chance.happens(self.temper.unclear) {
            return Answer::Intent("unclear");
        }
        // Whoever was asked often wants a person.
        let fed_up = 8 + 60 * u64::try_from(visit).unwrap_or(0);
        if chance.happens(fed_up) {
            return Answer::Intent("operator");
        }
        let likely = match question {
            Question::Open => return self.open(),
            Question::Language => {
                let key = if self.locale == Locale::Kk { "1" } else { "2" };
                return Answer::Keys(key.to_owned());
            }
            Question::ChooseLogin => return self.choose(chance),
            Question::AskLogin => return Self::login(chance),
            Question::ConfirmHome => {
                let mobile = [Topic::MobileNumber, Topic::MobileBalance];
                let mobile = mobile.map(Wish::Topic).contains(&self.world.wish);
                if mobile { 150 } else { 965 }
            }
            Question::ConfirmTopic | Question::ConfirmOperator => 870,
            Question::AtHome => 790,
            Question::ConfirmTicket => 885,
            Question::PaymentWhen => 560,
            Question::AnythingElse => 70,
        };
        let yes = chance.happens(likely);
        if question != Question::AnythingElse && chance.happens(self.temper.keys) {
            return Answer::Keys(if yes { "1" } else { "2" }.to_owned());
        }
        Answer::Intent(if yes { "yes" } else { "no" })
    }

    fn open(&self) -> Answer {
        Answer::Intent(match self.world.wish {
            Wish::Topic(topic) => topic.as_str(),
            Wish::Operator => "operator",
        })
    }

    /// One of the logins: by its key, or by its last digits.
    fn choose(&self, chance: &mut Chance) -> Answer {
        let logins: Vec<(u64, &Login)> = (1..).zip(&self.world.logins).collect();
        match chance.one(&logins) {
            Some((key, _)) => Answer::Keys(key.to_string()),
            None => Answer::Intent("operator"),
        }
    }

    fn login(chance: &mut Chance) -> Answer {
        if chance.happens(350) {
            return Answer::Intent("unclear");
        }
        Answer::Keys(format!("03{:08}#", chance.below(100_000_000)))
    }

    /// Words of that meaning, as a recogniser hears them.
    fn says(&self, question: Question, intent: &str, chance: &mut Chance) -> Does {
        let sure = chance.happens(self.temper.clear);
        let confidence = if sure { (620, 980) } else { (280, 700) };
        let best = chance.ms(confidence.0, confidence.1);
        let mut alternatives = Vec::new();
        let mut hear = |intent: &str, confidence: u32, chance: &mut Chance| {
            if let Some(text) = self.words.say(question, intent, self.locale, chance) {
                alternatives.push(Alternative {
                    text: Said::new(text),
                    confidence_permille: u16::try_from(confidence).ok(),
                });
            }
        };
        hear(intent, best, chance);
        if chance.happens(180) {
            hear(intent, best.saturating_sub(chance.ms(40, 300)), chance);
        }
        if alternatives.is_empty() {
            return Does::KeepsSilent;
        }
        let locale = chance.happens(850).then_some(self.locale);
        Does::Says(alternatives, locale)
    }
}
