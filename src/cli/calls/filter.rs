//! Which calls: the options that several commands share.

use jiff::civil::Date;
use ring::hmac;

use crate::call::{Disposition, PhoneNumber, Question, TransferReason};
use crate::digest::hex;
use crate::journal::cdr::Cdr;
use crate::time::WallTime;

/// Characters of a number's hash in lists.
const HASH: usize = 10;

/// Options. Several of them narrow down; several values of one widen.
#[derive(Clone, Debug, clap::Args)]
pub struct Filter {
    /// Calls that began then or later: a date or a time (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<WallTime>,
    /// Calls that began earlier.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<WallTime>,
    /// Calls that ended so; `none` for those that have no end.
    #[arg(long, value_name = "NAME", value_parser = disposition)]
    disposition: Vec<Ending>,
    /// Calls that were handed over for that reason.
    #[arg(long, value_name = "NAME")]
    reason: Vec<TransferReason>,
    /// Calls that were asked that question.
    #[arg(long, value_name = "NAME")]
    question: Vec<Question>,
    /// Calls of a number: the number itself, or its hash as `list` shows it.
    #[arg(long, value_name = "NUMBER")]
    number: Vec<String>,
    /// Calls of a flow, by the beginning of its bundle's hash.
    #[arg(long, value_name = "HASH")]
    bundle_hash: Option<String>,
}

/// A disposition, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ending(Option<Disposition>);

impl Filter {
    /// Whether it is one of them.
    pub fn takes(&self, cdr: &Cdr, names: &hmac::Key) -> bool {
        let from = self
            .from
            .is_none_or(|from| cdr.began.unix_ms() >= from.unix_ms());
        let to = self.to.is_none_or(|to| cdr.began.unix_ms() < to.unix_ms());
        let endings = &self.disposition;
        let ending = endings.is_empty() || endings.contains(&Ending(cdr.disposition));
        let mut reasons = cdr.transfers.iter().map(|transfer| transfer.reason);
        let reason = self.reason.is_empty() || reasons.any(|reason| self.reason.contains(&reason));
        let mut questions = cdr.questions.iter().map(|asked| asked.question);
        let question =
            self.question.is_empty() || questions.any(|asked| self.question.contains(&asked));
        let version = self.bundle_hash.as_ref();
        let version = version.is_none_or(|hash| cdr.bundle.starts_with(hash.as_str()));
        from && to && ending && reason && question && version && self.takes_number(cdr, names)
    }

    fn takes_number(&self, cdr: &Cdr, names: &hmac::Key) -> bool {
        if self.number.is_empty() {
            return true;
        }
        let Some(from) = &cdr.from else { return false };
        let hash = hash_of(from, names);
        self.number.iter().any(|number| {
            let same = PhoneNumber::parse(number).is_some_and(|number| number == *from);
            same || *number == hash
        })
    }
}

/// What a number is called in lists: the same for every call of it.
pub fn hash_of(number: &PhoneNumber, names: &hmac::Key) -> String {
    let tag = hmac::sign(names, number.reveal().as_bytes());
    hex(tag.as_ref().get(..HASH / 2).unwrap_or_default())
}

/// A day in Kazakhstan, or an instant.
pub fn moment(text: &str) -> Result<WallTime, String> {
    let day = || {
        // A date and nothing behind it.
        let date = text
            .parse::<Date>()
            .ok()
            .filter(|date| date.to_string() == text)?;
        WallTime::from_rfc3339(&format!("{date}T00:00:00+05:00"))
    };
    WallTime::from_rfc3339(text)
        .or_else(day)
        .ok_or_else(|| "a date (2026-01-12) or a time (2026-01-12T09:00:00+05:00)".to_owned())
}

fn disposition(text: &str) -> Result<Ending, String> {
    if text == "none" {
        return Ok(Ending(None));
    }
    let names = || Disposition::ALL.iter().map(|known| known.as_str());
    let known = text.parse().map(|known| Ending(Some(known)));
    known.map_err(|_| {
        let names: Vec<&str> = names().collect();
        format!("none, or one of {}", names.join(", "))
    })
}
