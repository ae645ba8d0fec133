//! Writes call scripts: a finding as a line of a situation, a call that happened as a file. What it
//! writes, [`parse`](crate::script::parse) reads.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::call::Locale;
use crate::dialog::action::Action;
use crate::dialog::event::Event;
use crate::journal::Entry;
use crate::lookup::{
    Finding, LookupKind, OutageFinding, SubscriberFinding, TicketResult, TicketsFinding,
};
use crate::script::Situation;
use crate::time::{CallTime, WallTime};

/// A finding as a situation gives it: `open number=TT-1 visit=2025-10-15T12:00`.
pub fn finding(finding: &Finding) -> String {
    let mut text = finding.class().to_owned();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(text, " {key}={value}");
        }
    };
    match finding {
        Finding::Subscriber(SubscriberFinding::Known(known)) => {
            let lines = Some(known.lines.len()).filter(|lines| *lines > 2);
            add("number", lines.map(|lines| lines.to_string()));
            add("language", known.language.map(|of| of.to_string()));
            let package = known.lines.iter().all(|line| line.in_package);
            add("package", package.then(|| "yes".to_owned()));
        }
        Finding::Outage(OutageFinding::Known { restored_at }) => {
            add("restored", restored_at.map(moment));
        }
        Finding::Tickets(TicketsFinding::Open(ticket)) => {
            add(
                "number",
                Some(ticket.id.clone()).filter(|id| !id.is_empty()),
            );
            add("created", ticket.created_at.map(moment));
            add("visit", ticket.visit_at.map(moment));
        }
        Finding::Subscriber(_)
        | Finding::Outage(_)
        | Finding::Tickets(_)
        | Finding::LineTest(_)
        | Finding::Fee(_) => {}
    }
    text
}

/// The result of a ticket's order as a situation gives it.
pub fn ticket(result: &TicketResult) -> String {
    match result {
        TicketResult::Created { id } => format!("created {id}"),
        TicketResult::AlreadyOpen => "already_open".to_owned(),
        TicketResult::Unconfirmed => "unconfirmed".to_owned(),
        TicketResult::Refused => "refused".to_owned(),
        TicketResult::Unavailable => "unavailable".to_owned(),
    }
}

/// A date and time in Kazakhstan.
fn moment(at: WallTime) -> String {
    at.in_kazakhstan().strftime("%Y-%m-%dT%H:%M").to_string()
}

/// A call that happened as a script, without its conversation: the situation as it showed, and
/// these lines of the caller.
pub fn script(situation: &Situation, entries: &[Entry], turns: &[String]) -> String {
    let mut asked: BTreeMap<&str, CallTime> = BTreeMap::new();
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Action { at, action } => {
                if let Some(name) = name_of(action) {
                    asked.insert(name, *at);
                    lines.entry(name).or_insert_with(|| "never".to_owned());
                }
            }
            Entry::Event { at, event, .. } => {
                let (name, text) = match event {
                    Event::Found(found) => (found.kind().as_str(), finding(found)),
                    Event::TicketFinished(result) => ("ticket", ticket(result)),
                    Event::TransferFinished { result, .. } => ("transfer", result.to_string()),
                    Event::Answered
                    | Event::PlaybackFinished { .. }
                    | Event::ListenFinished { .. }
                    | Event::DtmfReceived { .. }
                    | Event::SpeechStarted
                    | Event::TransferProgress { .. }
                    | Event::CallEnded { .. }
                    | Event::ActionFailed { .. }
                    | Event::Resumed
                    | Event::Woke
                    | Event::Unknown => continue,
                };
                let after = asked
                    .get(name)
                    .map(|asked| CallTime::from_ms(at.since(*asked)));
                let after = after.map_or_else(String::new, |after| format!(" after={after}s"));
                lines.insert(name, format!("{text}{after}"));
            }
            Entry::Header(_) | Entry::Gap { .. } | Entry::Ended { .. } => {}
        }
    }
    let mut text = "# Saved from a talk.\nsituation\n".to_owned();
    let now = moment(situation.now).replace('T', " ");
    let number = situation.number.as_ref();
    let number = number.map_or("withheld", |number| number.reveal());
    let locale = situation.locale.map_or("none", Locale::as_str);
    for (key, value) in [
        ("now", now.as_str()),
        ("number", number),
        ("locale", locale),
    ] {
        let _ = writeln!(text, "  {key:<11} {value}");
    }
    let kinds = LookupKind::ALL.iter().map(|kind| kind.as_str());
    for key in kinds.chain(["ticket", "transfer"]) {
        if let Some(value) = lines.get(key) {
            let _ = writeln!(text, "  {key:<11} {value}");
        }
    }
    text.push_str("caller\n");
    for turn in turns {
        let _ = writeln!(text, "  {turn}");
    }
    text
}

fn name_of(action: &Action) -> Option<&'static str> {
    match action {
        Action::LookUp(lookup) => Some(lookup.kind().as_str()),
        Action::CreateTicket(..) => Some("ticket"),
        Action::Answer
        | Action::Reject { .. }
        | Action::Play(_)
        | Action::StopPlayback
        | Action::Listen(_)
        | Action::StopListening
        | Action::Transfer(_)
        | Action::HangUp { .. } => None,
    }
}
