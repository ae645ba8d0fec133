//! A journal as a conversation that people can read: one line for each thing that happened or was
//! done. The same lines for scripts, the terminal talk, the demo. Never shows a number unmasked.

use std::fmt::Write;

use crate::call::Locale;
use crate::dialog::action::{Action, Play};
use crate::dialog::event::{Event, ListenCause, PlaybackCause};
use crate::journal::Entry;
use crate::journal::cdr::Cdr;
use crate::lookup::{Attempt, Finding, Lookup, TicketResult};
use crate::time::CallTime;

/// The line of an entry; `None` for what is no news to a reader.
pub fn line(entry: &Entry) -> Option<String> {
    let (at, who, text) = match entry {
        Entry::Header(header) => {
            let from = header
                .offer
                .from
                .as_ref()
                .map_or_else(|| "withheld".to_owned(), ToString::to_string);
            let hint = header.offer.locale.map_or("none", Locale::as_str);
            (
                CallTime::ZERO,
                "call",
                format!("offered from {from}, language hint {hint}"),
            )
        }
        Entry::Event { at, event, .. } => {
            let (who, text) = event_line(event)?;
            (*at, who, text)
        }
        Entry::Action { at, action } => {
            let (who, text) = action_line(action)?;
            (*at, who, text)
        }
        Entry::Ended { at, disposition } => (*at, "call", format!("disposition {disposition}")),
        Entry::Gap { entries } => (
            CallTime::ZERO,
            "call",
            format!("{entries} entries are lost"),
        ),
    };
    Some(format!("{at:>8}  {who:<7} {text}"))
}

/// The lines of Dana, without their times: what a conversation comes to when the clock is left out.
pub fn dana(conversation: &str) -> String {
    let lines = conversation.lines().filter_map(|line| {
        let (_, said) = line.trim_start().split_once("  ")?;
        said.starts_with("Dana").then(|| format!("{said}\n"))
    });
    lines.collect()
}

/// The last line: how the call ended, in figures.
pub fn ending(cdr: &Cdr) -> String {
    let disposition = cdr
        .disposition
        .map_or("none", crate::call::Disposition::as_str);
    let created = |ticket: &&crate::journal::cdr::TicketRecord| {
        matches!(ticket.result, Some(TicketResult::Created { .. }))
    };
    let tickets = cdr.tickets.iter().filter(created).count();
    let mut line = format!("ending  {disposition}, tickets {tickets}");
    for transfer in &cdr.transfers {
        let _ = write!(line, ", transfer {} {}", transfer.queue, transfer.reason);
    }
    let _ = write!(
        line,
        ", dead air {}, misses {}",
        seconds(cdr.dead_air_ms),
        cdr.misses
    );
    line
}

/// `1.250 s`.
pub fn seconds(ms: u32) -> String {
    format!("{} s", CallTime::from_ms(ms))
}

fn action_line(action: &Action) -> Option<(&'static str, String)> {
    Some(match action {
        Action::Answer => ("Dana", "answers".to_owned()),
        Action::Reject { sip_code } => ("Dana", format!("rejects the call, {sip_code}")),
        Action::Play(play) => ("Dana", said(play)),
        Action::StopPlayback => ("Dana", "stops speaking".to_owned()),
        Action::Listen(listen) => ("Dana", format!("listens: {}", listen.question)),
        Action::StopListening => return None,
        Action::Transfer(transfer) => {
            let mut text = format!("transfers to {}: {}", transfer.queue, transfer.reason);
            let context = &transfer.context;
            for word in context.findings.iter().chain(&context.asked_and_answered) {
                let _ = write!(text, " {word}");
            }
            if let Some(state) = context.ticket_state {
                let _ = write!(text, " ticket={state}");
            }
            ("Dana", text)
        }
        Action::HangUp { disposition, .. } => ("Dana", format!("hangs up: {disposition}")),
        Action::LookUp(lookup) => ("asks", asked(lookup)),
        Action::CreateTicket(_, attempt) => {
            let again = if *attempt == Attempt::Again {
                " again"
            } else {
                ""
            };
            ("asks", format!("for a ticket{again}"))
        }
    })
}

fn said(play: &Play) -> String {
    format!("[{}] {}", play.locale, play.text())
}

fn asked(lookup: &Lookup) -> String {
    lookup.kind().as_str().to_owned()
}

fn event_line(event: &Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::PlaybackFinished { cause, .. } => {
            let cut = matches!(
                cause,
                PlaybackCause::BargeInDtmf | PlaybackCause::BargeInSpeech
            );
            let failed = *cause == PlaybackCause::Failed;
            if cut {
                ("caller", "cuts in".to_owned())
            } else if failed {
                ("call", "the prompt could not be played".to_owned())
            } else {
                return None;
            }
        }
        Event::ListenFinished {
            cause,
            digits,
            alternatives,
            ..
        } => match cause {
            ListenCause::Speech => {
                let heard = alternatives.iter().map(|heard| {
                    let sure = heard.confidence_permille.map(|c| format!(" ({c})"));
                    format!("«{}»{}", heard.text.reveal(), sure.unwrap_or_default())
                });
                ("caller", heard.collect::<Vec<_>>().join(" or "))
            }
            ListenCause::Digits => ("caller", format!("keys {}", digits.reveal())),
            ListenCause::NoInput => ("caller", "is silent".to_owned()),
            ListenCause::NoMatch | ListenCause::MaxSpeech | ListenCause::Failed => {
                ("call", format!("listen ended: {cause}"))
            }
            ListenCause::Stopped | ListenCause::CallEnded => return None,
        },
        Event::DtmfReceived { digit, .. } => ("caller", format!("presses {}", digit.as_char())),
        Event::TransferFinished { result, .. } => ("call", format!("transfer {result}")),
        Event::CallEnded { by, .. } => ("call", format!("ended by {by}")),
        Event::ActionFailed { reason, .. } => ("call", format!("action failed: {reason}")),
        Event::Found(finding) => ("found", found(finding)),
        Event::TicketFinished(result) => ("found", ticket(result)),
        Event::Resumed => ("call", "goes on after a reconnect".to_owned()),
        Event::Answered
        | Event::SpeechStarted
        | Event::TransferProgress { .. }
        | Event::Woke
        | Event::Unknown => return None,
    })
}

fn found(finding: &Finding) -> String {
    format!("{}: {}", finding.kind(), finding.class())
}

fn ticket(result: &TicketResult) -> String {
    match result {
        TicketResult::Created { id } => format!("ticket: created {id}"),
        TicketResult::AlreadyOpen => "ticket: already_open".to_owned(),
        TicketResult::Unconfirmed => "ticket: unconfirmed".to_owned(),
        TicketResult::Refused => "ticket: refused".to_owned(),
        TicketResult::Unavailable => "ticket: unavailable".to_owned(),
    }
}
