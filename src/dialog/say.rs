//! Speaking: prompts into `Play` actions, what plays by now, and what an operator is told.

use std::sync::Arc;

use crate::call::{BargeIn, Locale};
use crate::dialog::Dialog;
use crate::dialog::action::{Action, Play, TransferContext};
use crate::dialog::event::PlaybackCause;
use crate::dialog::findings::number_of;
use crate::dialog::state::{Ledger, Phase, Playing};
use crate::dialog::trail::Exit;
use crate::flow::Said;
use crate::prompt::{PromptId, Segment, Slot, Values};

/// A step could not be done: a prompt needs a value that this call does not have, or a ticket is to
/// be ordered without all that it needs. A fault of the flow or of ours, never the caller's.
pub(super) struct Broken;

/// What may cut a playback, and from when on.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) barge_in: BargeIn,
    pub(super) after_ms: u32,
}

impl Cut {
    /// Anything, at once.
    pub(super) const ANY: Self = Self {
        barge_in: BargeIn::Any,
        after_ms: 0,
    };
}

impl Dialog {
    pub(super) fn next_id(&mut self) -> u32 {
        self.ledger.last_id = self.ledger.last_id.saturating_add(1);
        self.ledger.last_id
    }

    /// The prompts that a step means in this call.
    pub(super) fn resolve(&self, said: &[Said]) -> Result<Vec<PromptId>, Broken> {
        let one = |said: &Said| match said {
            Said::Prompt(id) => Ok(*id),
            Said::ByTopic(prompts) => {
                let topic = self.case.topic_heard.or(self.case.topic).ok_or(Broken)?;
                prompts.get(&topic).copied().ok_or(Broken)
            }
        };
        said.iter().map(one).collect()
    }

    /// Queues the prompts: in the call's language, or in each while it is not known. Gives the id
    /// of the last `Play`, 0 when there is nothing to say.
    pub(super) fn play(&mut self, prompts: &[PromptId], cut: Cut) -> Result<u32, Broken> {
        if prompts.is_empty() {
            return Ok(0);
        }
        let known = self.core.locale.map(|locale| [locale]);
        let locales: &[Locale] = known.as_ref().map_or(Locale::ALL, |one| one.as_slice());
        let values = self.values();
        for &locale in locales {
            let mut segments = Vec::with_capacity(prompts.len() * 2);
            for &prompt in prompts {
                self.segments(prompt, locale, &values, &mut segments)?;
            }
            self.queue(locale, segments, cut);
        }
        for &prompt in prompts {
            if self.bundle.catalog.varies(prompt) {
                let times = self.ledger.times_said.entry(prompt).or_insert(0);
                *times = times.wrapping_add(1);
            }
        }
        Ok(self.ledger.last_id)
    }

    /// A prompt with the slot of a line's key is said once for each line. A line whose login has no
    /// digits cannot be offered by them: it keeps its key and is left out.
    fn segments(
        &self,
        prompt: PromptId,
        locale: Locale,
        values: &Values,
        segments: &mut Vec<Segment>,
    ) -> Result<(), Broken> {
        let catalog = &self.bundle.catalog;
        let nth = self.ledger.times_said.get(&prompt).copied().unwrap_or(0);
        if !catalog.slots(prompt).contains(&Slot::LineKey) {
            let said = catalog.segments(prompt, locale, nth, values);
            segments.extend_from_slice(&said.ok_or(Broken)?);
            return Ok(());
        }
        let subscriber = self.case.subscriber.iter();
        let lines = subscriber.flat_map(|subscriber| &subscriber.lines);
        for (key, line) in (1u8..).zip(lines) {
            let digits = line.login.last_digits();
            if digits.is_empty() {
                continue;
            }
            let values = Values {
                line: Some((key, digits)),
                ..values.clone()
            };
            let said = catalog.segments(prompt, locale, nth, &values);
            segments.extend_from_slice(&said.ok_or(Broken)?);
        }
        Ok(())
    }

    fn values(&self) -> Values {
        let own = self.case.ticket_id.as_deref();
        let open = self.case.open_ticket.as_ref();
        Values {
            ticket_number: own
                .or_else(|| open.map(|ticket| ticket.id.as_str()))
                .and_then(number_of),
            visit_at: open.and_then(|ticket| ticket.visit_at),
            restored_at: self.case.restored_at,
            now: Some(self.now()),
            line: None,
        }
    }

    fn queue(&mut self, locale: Locale, segments: Vec<Segment>, cut: Cut) {
        let id = self.next_id();
        let duration_ms = segments
            .iter()
            .map(|s| s.duration_ms)
            .fold(0, u32::saturating_add);
        self.ledger.quiet_at = self.ledger.quiet_at.max(self.ledger.at).plus(duration_ms);
        self.ledger.playing.push_back(Playing { id, duration_ms });
        let Cut {
            barge_in,
            after_ms: barge_in_after_ms,
        } = cut;
        self.actions.push(Action::Play(Play {
            id,
            locale,
            segments,
            barge_in,
            barge_in_after_ms,
        }));
    }

    /// Remembers what was told before a question, for a repeat.
    pub(super) fn told(&mut self, prompts: &[PromptId]) {
        let room = Ledger::MAX_TOLD.saturating_sub(self.ledger.told.len());
        self.ledger.told.extend(prompts.iter().take(room));
    }

    /// A playback ended. One that could not be played counts against the gateway.
    pub(super) fn played(&mut self, id: u32, cause: PlaybackCause) {
        let Some(at) = self
            .ledger
            .playing
            .iter()
            .position(|playing| playing.id == id)
        else {
            return;
        };
        self.ledger.playing.remove(at);
        let rest = self
            .ledger
            .playing
            .iter()
            .map(|playing| playing.duration_ms);
        let rest = rest.fold(0, u32::saturating_add);
        self.ledger.quiet_at = self.ledger.at.plus(rest);
        if self.ledger.fillers == 0 && matches!(self.core.phase, Phase::Finding(_)) {
            self.ledger.waits_from = self.ledger.quiet_at;
        }
        let cut = matches!(
            cause,
            PlaybackCause::BargeInDtmf | PlaybackCause::BargeInSpeech
        );
        if cut && self.core.phase == Phase::Asking {
            self.pass(Exit::BargedIn);
        }
        if cause == PlaybackCause::Failed {
            self.broken();
        }
    }

    /// Clears what plays.
    pub(super) fn hush(&mut self) {
        if !self.ledger.playing.is_empty() {
            self.actions.push(Action::StopPlayback);
            self.ledger.playing.clear();
            self.ledger.quiet_at = self.ledger.at;
        }
        if self.ledger.listen.take().is_some() {
            self.actions.push(Action::StopListening);
        }
    }

    /// A gateway that can neither play nor listen must not keep the caller: after
    /// [`MAX_FAILURES`] the operator takes over.
    pub(super) fn broken(&mut self) {
        self.core.failures = self.core.failures.saturating_add(1);
        let busy = matches!(
            self.core.phase,
            Phase::Asking | Phase::Finding(_) | Phase::Ticketing | Phase::Offered
        );
        if self.core.failures == MAX_FAILURES && busy {
            self.hush();
            self.pass(Exit::Trouble);
            self.enter(self.bundle.flow.always.trouble);
        }
    }

    /// What an operator would be told now.
    pub fn context(&self) -> TransferContext {
        let case = &self.case;
        let classes = case.classes.iter();
        let answers = case.answers.iter();
        TransferContext {
            locale: self.core.locale,
            login: case.line().map(|line| line.login.clone()),
            login_claimed: case.login_claimed.clone(),
            topic: case.topic,
            findings: pairs(classes.map(|(kind, class)| (kind.as_str(), class.as_str()))),
            ticket_key: case.ticket_state.map(|_| self.ticket_key()),
            ticket_state: case.ticket_state,
            asked_and_answered: pairs(
                answers.map(|(question, answer)| (question.as_str(), answer.as_str())),
            ),
        }
    }
}

/// `name=value` of each.
fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Arc<str>> {
    let mut text = String::new();
    let told = pairs.map(|(name, value)| {
        text.clear();
        text.extend([name, "=", value]);
        text.as_str().into()
    });
    told.collect()
}

/// One playback or listen may fail by accident; three are a broken media side.
pub(super) const MAX_FAILURES: u8 = 3;
