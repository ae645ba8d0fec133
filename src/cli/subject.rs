//! `dana export-subject` and `dana erase-subject`: what a service has recorded of one number, and what
//! its store holds of it, for him who asks what is known of him, or to be forgotten.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::archive::Recorded;
use crate::call::PhoneNumber;
use crate::cli::in_runtime;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::{Recordings, Sealed};
use crate::cli::tickets;
use crate::journal::cdr::{Cdr, fold};
use crate::journal::{Entry, subject};
use crate::records;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::{desk, keys};
use crate::store;
use crate::store::{CallRow, Intent, Store, StoreError};

/// Rows read from the store at once.
const PAGE: u32 = 500;

/// Options of `dana export-subject`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    whose: Whose,
    /// Archives beside the recordings that the service has: packed files.
    #[arg(value_name = "ARCHIVE")]
    archives: Vec<PathBuf>,
}

/// Options of `dana erase-subject`.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    #[command(flatten)]
    whose: Whose,
}

/// Options of both.
#[derive(Debug, clap::Args)]
struct Whose {
    /// The number; `-` reads it from standard input, so that no list of processes shows it.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The configuration file of the service, which may be running; see `dana config`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Whose {
    /// The number, the service, and what it seals with.
    fn read(&self) -> Result<(PhoneNumber, Config, Keys), Exit> {
        let number = number(&self.number)?;
        let config = Config::load(self.config.as_deref());
        let config = config.map_err(|error| out::bad_file(&error))?;
        let keys = keys::of_service(&config).map_err(|error| out::bad_file(&error))?;
        Ok((number, config, keys))
    }
}

fn number(text: &str) -> Result<PhoneNumber, Exit> {
    let mut line = String::new();
    let text = if text == "-" {
        // Nothing to read is no number.
        let _ = std::io::stdin().lock().read_line(&mut line);
        line.trim()
    } else {
        text
    };
    PhoneNumber::parse(text).ok_or_else(|| {
        out::talk("error: that is no telephone number");
        Exit::BadFile
    })
}

/// A call, as it is handed out.
#[derive(Serialize)]
struct Call {
    record: Option<Cdr>,
    entries: Vec<Entry>,
}

fn environment(error: &str) -> Exit {
    out::error(&error);
    Exit::Environment
}

/// Prints every call from the number, whole, and every order of a ticket: one JSON object a line. Of
/// a call whose recording is gone the store still has the record.
pub fn export(args: &ExportArgs) -> Exit {
    let done = args.whose.read().and_then(|(number, config, keys)| {
        let paths = [&[config.journal().to_owned()], args.archives.as_slice()].concat();
        let recordings = Recordings::of(&paths, &Sealed::of(Some(config.journal_keys())));
        let archive = recordings.open()?;
        let own = |call: &Recorded| {
            matches!(call.entries.first(), Some(Entry::Header(header))
                if header.offer.from.as_ref() == Some(&number))
        };
        let mut told = BTreeSet::new();
        let read = |call: Recorded| own(&call).then_some(call.entries);
        let faults = recordings.each(&archive, read, |call| {
            if let Some(entries) = call {
                let record = fold(&entries);
                told.extend(record.as_ref().map(|record| record.call_key.to_string()));
                out::json(&Call { record, entries });
            }
            true
        });
        let stored = in_runtime(stored(&config, &keys, &number));
        let (calls, orders) = stored.map_err(|error| environment(&error))?;
        let unread = calls.iter().filter(|call| call.body.is_empty()).count();
        for call in calls {
            if told.insert(call.call_key) {
                let (record, entries) = (serde_json::from_str(&call.body).ok(), Vec::new());
                out::json(&Call { record, entries });
            }
        }
        for intent in &orders {
            out::json(&order(intent));
        }
        let (calls, orders) = (told.len(), orders.len());
        out::talk(&format!(
            "{calls} calls, {orders} orders of tickets from {number}"
        ));
        if unread > 0 {
            out::talk(&format!(
                "error: {unread} records of the store cannot be opened"
            ));
            return Ok(Exit::Found);
        }
        Ok(faults.exit())
    });
    done.unwrap_or_else(|exit| exit)
}

/// What the store has of a number.
async fn stored(
    config: &Config,
    keys: &Keys,
    number: &PhoneNumber,
) -> Result<(Vec<CallRow>, Vec<Intent>), StoreError> {
    let store = desk::kept(config, keys).await?;
    let mut calls: Vec<CallRow> = Vec::new();
    loop {
        let after = calls.last().map_or("", |last| &last.call_key);
        let page = store.calls_of(number, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        calls.extend(page);
    }
    let mut orders: Vec<Intent> = Vec::new();
    loop {
        let after = orders.last().map_or("", |last| &last.order.key);
        let page = store.intents_of(number, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        orders.extend(page);
    }
    store.close().await;
    Ok((calls, orders))
}

/// An order, as it is handed out: nothing masked, and what was sent to the ticket system.
fn order(intent: &Intent) -> serde_json::Value {
    let mut whole = tickets::as_json(intent);
    let sent = intent.order.payload.intact().unwrap_or_default();
    let sent: serde_json::Value = serde_json::from_slice(sent).unwrap_or_default();
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("login".to_owned(), intent.order.login.reveal().into());
        fields.insert("request".to_owned(), sent);
    }
    json!({ "order": whole })
}

/// Erases a number's calls and orders: nothing at all where the store is not to be had.
async fn erased(
    config: &Config,
    keys: &Keys,
    number: &PhoneNumber,
) -> Result<(subject::Erased, store::Erased), String> {
    let failed = |error: StoreError| error.to_string();
    let store = desk::kept(config, keys).await.map_err(failed)?;
    let folder = config.journal();
    let recorded = subject::erase(folder, keys, number)
        .map_err(|error| format!("cannot erase in `{}`: {error}", folder.display()))?;
    let stored = store.erase(number).await.map_err(failed)?;
    store.close().await;
    Ok((recorded, stored))
}

/// Erases every call from the number, and its orders of tickets: 1 if something stays, or could not be
/// read, and so may be one.
pub fn erase(args: &EraseArgs) -> Exit {
    let erased = args.whose.read().and_then(|(number, config, keys)| {
        let erased = in_runtime(erased(&config, &keys, &number));
        let (recorded, stored) = erased.map_err(|error| environment(&error))?;
        let waiting = records::waiting(&config.spool()).map_err(|error| {
            environment(&format!("cannot read the spool of call records: {error}"))
        })?;
        for error in &recorded.unread {
            out::error(&error);
        }
        out::data(&format!(
            "erased of {number}: {} journals, {} call records; in the store {} call records, {} orders \
             of tickets",
            recorded.journals, recorded.records, stored.calls, stored.intents
        ));
        if stored.unsettled > 0 {
            out::talk(&format!(
                "{} orders of tickets have not ended and stay: what was promised to the caller would be \
                 lost\n\nhint: erase again when `dana tickets list` shows no open order of his",
                stored.unsettled
            ));
        }
        if waiting > 0 {
            out::talk(
                "call records wait to be stored, and may be his\n\nhint: erase again when the service \
                 has run for some seconds",
            );
        }
        out::talk("not reached: tickets in the ticket system, packed archives, backups");
        let nothing_left = recorded.unread.is_empty() && stored.unsettled == 0 && waiting == 0;
        Ok(if nothing_left { Exit::Good } else { Exit::Found })
    });
    erased.unwrap_or_else(|exit| exit)
}
