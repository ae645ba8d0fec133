//! Prompts and questions that were read before. Thousands of calls say and ask the same; to read
//! that anew each time is most of what reading recordings costs.

use hashbrown::HashMap;

use crate::dialog::action::{Action, Listen, Play};
use crate::journal::Entry;
use crate::journal::reader::{Line, ReadError};
use crate::time::CallTime;

/// What was read before, for one thread.
#[derive(Debug, Default)]
pub struct Known {
    /// By their text behind the id; the id is that of the first call that had it.
    plays: HashMap<Box<[u8]>, Play>,
    listens: HashMap<Box<[u8]>, Listen>,
}

impl Known {
    /// Most of each kind: some MiB. What comes later is read each time that it is met.
    const MOST: usize = 4096;

    /// What a line says: the same as [`Line::entry`].
    ///
    /// # Errors
    /// As that.
    pub fn entry(&mut self, path: &str, line: &Line<'_>) -> Result<Entry, ReadError> {
        let Some((at, kind, id, rest)) = taken_apart(&line.text) else {
            return line.entry(path);
        };
        let action = match kind {
            Kind::Play => self.plays.get(rest).map(|known| {
                let play = known.clone();
                Action::Play(Play { id, ..play })
            }),
            Kind::Listen => self.listens.get(rest).map(|known| {
                let listen = known.clone();
                Action::Listen(Listen { id, ..listen })
            }),
        };
        if let Some(action) = action {
            return Ok(Entry::Action { at, action });
        }
        let entry = line.entry(path)?;
        if let Entry::Action { action, .. } = &entry {
            self.remember(rest, action);
        }
        Ok(entry)
    }

    fn remember(&mut self, rest: &[u8], action: &Action) {
        if let Action::Play(play) = action
            && self.plays.len() < Self::MOST
        {
            self.plays.insert(rest.into(), play.clone());
        } else if let Action::Listen(listen) = action
            && self.listens.len() < Self::MOST
        {
            self.listens.insert(rest.into(), listen.clone());
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Play,
    Listen,
}

/// Time, kind and id of a prompt or question, and what stands behind the id; `None` for whatever is
/// not as [`Entry`] is written.
fn taken_apart(text: &[u8]) -> Option<(CallTime, Kind, u32, &[u8])> {
    let (at, text) = number(text.strip_prefix(br#"{"action":{"at":"#)?)?;
    let text = text.strip_prefix(br#","action":{"#)?;
    let (kind, text) = match text.strip_prefix(br#""play":{"id":"#) {
        Some(text) => (Kind::Play, text),
        None => (Kind::Listen, text.strip_prefix(br#""listen":{"id":"#)?),
    };
    let (id, rest) = number(text)?;
    Some((CallTime::from_ms(at), kind, id, rest))
}

/// A number as JSON has it, and what stands behind it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at(end);
    if digits.len() > 1 && digits.first() == Some(&b'0') {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    Some((digits.parse().ok()?, rest))
}
