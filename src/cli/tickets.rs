//! `dana tickets`: the orders of tickets, for those who look after them. Logins are masked; what a
//! request holds is never shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::json;

use crate::cli::in_runtime;
use crate::cli::out;
use crate::cli::out::{Exit, Format};
use crate::lookup::Oss;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::{desk, keys};
use crate::store::sql::Sql;
use crate::store::{Intent, IntentState, Store, StoreError};
use crate::tickets::Desk;
use crate::time::WallTime;

/// Rows read from the store at once.
const PAGE: u32 = 500;

/// Options of `dana tickets`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The configuration file; see `dana config`.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// For people, or for machines.
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Orders that have not ended, and those that are for an operator; exit code 1 if there are such.
    List {
        /// Every order that the store still has.
        #[arg(long)]
        all: bool,
    },
    /// One order.
    Show {
        /// Its key, `ivr:…`.
        key: String,
    },
    /// Bring what is due to its end now, then compare with the ticket system; exit code 1 if anything
    /// is missing there or here.
    Reconcile,
    /// Give up on an order: it is never sent again, and stands in the operators' list.
    Park {
        /// Its key, `ivr:…`.
        key: String,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let config = match Config::load(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return out::bad_file(&error),
    };
    let keys = match keys::of_service(&config) {
        Ok(keys) => keys,
        Err(error) => return out::bad_file(&error),
    };
    in_runtime(command(args, &config, &keys)).unwrap_or_else(|error| {
        out::error(&error);
        Exit::Environment
    })
}

async fn command(args: &Args, config: &Config, keys: &Keys) -> Result<Exit, String> {
    let store = desk::kept(config, keys).await.map_err(|e| e.to_string())?;
    let said = |error: StoreError| error.to_string();
    let exit = match &args.what {
        What::List { all } => list(&store, *all, args.format).await.map_err(said)?,
        What::Show { key } => match store.intent(key).await.map_err(said)? {
            Some(intent) => show(&intent, args.format),
            None => unknown(key),
        },
        What::Park { key } => {
            let parked = store.pass(key, IntentState::UNSETTLED, IntentState::Parked);
            match parked.await.map_err(said)? {
                Some(intent) if intent.state == IntentState::Parked => show(&intent, args.format),
                Some(intent) => {
                    out::talk(&format!("error: it has ended: {}", intent.state));
                    Exit::BadFile
                }
                None => unknown(key),
            }
        }
        What::Reconcile => {
            let desk = desk::desk(config, store.clone()).map_err(|e| e.to_string())?;
            reconcile(&desk, config.root.reveal(), args.format).await?
        }
    };
    store.close().await;
    Ok(exit)
}

fn unknown(key: &str) -> Exit {
    out::talk(&format!(
        "error: there is no order `{key}`\n\nhint: dana tickets list --all"
    ));
    Exit::BadFile
}

/// Every intent in those states, page by page.
async fn every(store: &Sql, states: &[IntentState]) -> Result<Vec<Intent>, StoreError> {
    let mut all: Vec<Intent> = Vec::new();
    loop {
        let after = all
            .last()
            .map_or(String::new(), |last| last.order.key.clone());
        let page = store.intents(states, &after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn list(store: &Sql, all: bool, format: Format) -> Result<Exit, StoreError> {
    let open = [IntentState::UNSETTLED, IntentState::FOR_OPERATORS].concat();
    let states = if all {
        IntentState::ALL
    } else {
        open.as_slice()
    };
    let orders = every(store, states).await?;
    for intent in &orders {
        match format {
            Format::Text => out::data(&line(intent)),
            Format::Json => out::json(&as_json(intent)),
        }
    }
    let theirs = |intent: &&Intent| {
        let state = intent.state;
        state == IntentState::HandedOver || IntentState::FOR_OPERATORS.contains(&state)
    };
    let for_operators = orders.iter().filter(theirs).count();
    out::talk(&format!(
        "{} orders, {for_operators} for an operator",
        orders.len()
    ));
    Ok(if for_operators > 0 {
        Exit::Found
    } else {
        Exit::Good
    })
}

fn time(ms: i64) -> Option<String> {
    (ms > 0).then(|| WallTime::from_unix_ms(ms).to_rfc3339())
}

fn line(intent: &Intent) -> String {
    let age = (intent.read_at - intent.created_at).max(0) / 1000;
    format!(
        "{:<12} {:>9} s  login {}  {:<12} {}  {}",
        intent.state,
        age,
        intent.order.login,
        intent.ticket.as_deref().unwrap_or("-"),
        intent.order.key,
        intent.note
    )
}

/// An order for programs; the line is masked.
pub(super) fn as_json(intent: &Intent) -> serde_json::Value {
    json!({
        "key": intent.order.key,
        "login": intent.order.login.to_string(),
        "state": intent.state,
        "ticket": intent.ticket,
        "posts": intent.posts,
        "looks": intent.looks,
        "created_at": time(intent.created_at),
        "updated_at": time(intent.updated_at),
        "sent_at": time(intent.sent_at),
        "next_at": time(intent.next_at),
        "intact": intent.order.payload.intact().is_some(),
        "note": intent.note,
    })
}

fn show(intent: &Intent, format: Format) -> Exit {
    let whole = as_json(intent);
    match (format, whole.as_object()) {
        (Format::Text, Some(fields)) => {
            for (name, value) in fields {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                out::data(&format!("{name:<12} {value}"));
            }
        }
        (Format::Json | Format::Text, _) => out::json(&whole),
    }
    Exit::Good
}

/// One pass over all that is due, then both lists side by side. Nothing is created here that is
/// missing there: that is for a person to decide.
async fn reconcile<O: Oss>(
    desk: &Desk<Sql, O>,
    back_ends: &str,
    format: Format,
) -> Result<Exit, String> {
    loop {
        let pass = desk.reconcile().await.map_err(|error| error.to_string())?;
        if pass.is_empty() {
            break;
        }
        for done in pass {
            let (sent, state) = (if done.sent { "sent, " } else { "" }, done.state);
            match format {
                Format::Text => out::data(&format!("{sent}{state:<12} {}", done.key)),
                Format::Json => {
                    out::json(&json!({ "key": done.key, "state": done.state, "sent": done.sent }));
                }
            }
        }
    }
    let Some(there) = desk.our_tickets().await else {
        let host = back_ends.rsplit('@').next().unwrap_or_default();
        return Err(format!(
            "the ticket system ({host}) does not list its tickets"
        ));
    };
    let here = every(desk.store(), IntentState::ALL);
    let here = here.await.map_err(|error| error.to_string())?;
    let mut differences = 0;
    let mut tell = |what: &str, key: &str, ticket: &str| {
        differences += 1;
        match format {
            Format::Text => out::data(&format!("{what:<12} {ticket:<12} {key}")),
            Format::Json => {
                out::json(&json!({ "difference": what, "key": key, "ticket": ticket }));
            }
        }
    };
    let ids: BTreeSet<&str> = there.iter().map(|ours| ours.id.as_str()).collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for ours in &there {
        *counts.entry(ours.key.as_str()).or_default() += 1;
    }
    for intent in &here {
        let (key, ticket) = (intent.order.key.as_str(), intent.ticket.as_deref());
        if let Some(ticket) = ticket.filter(|ticket| !ids.contains(ticket)) {
            tell("missing", key, ticket);
        }
        // Its next look will find it: until then the order says that there is none.
        if let Some(found) = there.iter().find(|of| ticket.is_none() && of.key == key) {
            tell("unheard", key, &found.id);
        }
        if counts.get(key).is_some_and(|count| *count > 1) {
            tell("duplicate", key, ticket.unwrap_or("-"));
        }
    }
    let keys: BTreeSet<&str> = here.iter().map(|of| of.order.key.as_str()).collect();
    for orphan in &there {
        if !keys.contains(orphan.key.as_str()) {
            tell("orphan", &orphan.key, &orphan.id);
        }
    }
    out::talk(&format!(
        "{} orders here, {} tickets of ours there, {differences} differences",
        here.len(),
        there.len()
    ));
    Ok(if differences > 0 {
        Exit::Found
    } else {
        Exit::Good
    })
}
