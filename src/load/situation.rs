//! What a caller of a load does: a call script, made ready to be played thousands of times by its
//! questions. Knows nothing of time: a load has its own pace.

use crate::call::{Disposition, Locale, PhoneNumber, Question};
use crate::caller::turns::{Does, When};
use crate::dialog::event::TransferResult;
use crate::script::Script;

/// Most answers of a caller: a bit for each.
const MAX_ANSWERS: usize = 64;

/// A caller with a number, answers by question, and how his call has to end.
#[derive(Debug)]
pub struct Situation {
    /// What it is called in the report.
    pub name: String,
    /// The calling number.
    pub from: Option<PhoneNumber>,
    /// The language hint.
    pub locale: Option<Locale>,
    /// In order; the first that fits a question is taken.
    pub(super) answers: Vec<(Option<Question>, Does)>,
    /// How a transfer of his ends.
    pub(super) transfer: TransferResult,
    /// How the call has to end; `None`: by the caller's hanging up.
    pub(super) ends: Option<Disposition>,
}

/// Why a script is no situation of a load.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A turn at a moment of the call.
    #[error("{0}: a turn `at` a moment has no place in a load: bind it to a question")]
    Moment(String),
    /// Too many turns.
    #[error("{0}: a caller of a load has {MAX_ANSWERS} turns at most")]
    Long(String),
    /// No ending.
    #[error("{0}: it says nothing of how the call ends: run `dana test --bless` on it")]
    Endless(String),
}

impl Situation {
    /// Out of a script. Its back ends' answers play no part: the service has its own.
    pub fn new(name: &str, script: &Script) -> Result<Self, Unfit> {
        let ending = script
            .expected
            .lines()
            .find_map(|line| line.strip_prefix("ending"))
            .and_then(|line| line.split([' ', ',']).find(|word| !word.is_empty()))
            .and_then(|word| word.parse().ok());
        let ends = ending.ok_or_else(|| Unfit::Endless(name.to_owned()))?;
        Self::ending(name, script, ends)
    }

    /// Out of a script that does not say how it ends.
    pub fn ending(name: &str, script: &Script, ends: Disposition) -> Result<Self, Unfit> {
        let answer = |turn: &crate::caller::turns::Turn| match turn.when {
            When::After(question, _) | When::Over(question, _) => {
                Some((question, turn.does.clone()))
            }
            When::At(_) => None,
        };
        let answers: Option<Vec<_>> = script.turns.iter().map(answer).collect();
        let answers = answers.ok_or_else(|| Unfit::Moment(name.to_owned()))?;
        if answers.len() > MAX_ANSWERS {
            return Err(Unfit::Long(name.to_owned()));
        }
        let leaves = answers.iter().any(|(_, does)| *does == Does::HangsUp);
        let transfer = script.situation.transfer.as_ref();
        Ok(Self {
            name: name.to_owned(),
            from: script.situation.number.clone(),
            locale: script.situation.locale,
            answers,
            transfer: transfer.map_or(TransferResult::NoAnswer, |transfer| transfer.value),
            ends: Some(ends).filter(|_| !leaves),
        })
    }
}
