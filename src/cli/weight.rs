//! Coverage by traffic: how many recorded calls take an exit that no test does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::Recorded;
use crate::bundle::Bundle;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::{Recordings, Sealed};
use crate::dialog::trail::Passed;
use crate::proof::{Target, targets as targets_of};
use crate::report::percent;
use crate::retrace::{does_the_same, retrace};

/// What recorded calls did in this flow.
pub struct Traffic {
    /// Calls that went as the flow goes; those that did not are not counted below.
    pub known: u64,
    unknown: u64,
    /// How many calls take each exit.
    pub exits: BTreeMap<Target, u64>,
    exit: Exit,
}

impl Traffic {
    /// Retraces every call of an archive.
    ///
    /// # Errors
    /// The archive cannot be opened; told already.
    pub fn of(bundle: &Arc<Bundle>, paths: &[PathBuf], sealed: &Sealed) -> Result<Self, Exit> {
        let recordings = Recordings::of(paths, sealed);
        let archive = recordings.open()?;
        let way = |call: Recorded| -> Option<BTreeSet<Passed>> {
            let retraced = retrace(bundle, &call.entries)?;
            let same = does_the_same(&call.entries, &retraced.entries);
            same.then(|| retraced.all_passed().collect())
        };
        let mut traffic = Self {
            known: 0,
            unknown: 0,
            exits: BTreeMap::new(),
            exit: Exit::Good,
        };
        let faults = recordings.each(&archive, way, |way| {
            let Some(way) = way else {
                traffic.unknown += 1;
                return true;
            };
            traffic.known += 1;
            // Several things on a trail may be one exit: a call counts once.
            let way: Vec<Passed> = way.into_iter().collect();
            for target in targets_of(&bundle.flow, &way) {
                *traffic.exits.entry(target).or_default() += 1;
            }
            true
        });
        traffic.exit = faults.exit();
        Ok(traffic)
    }
}

/// Tells, for each exit, the share of recorded calls and the number of scripts that take it.
///
/// # Errors
/// As [`Traffic::of`].
pub fn weigh(
    bundle: &Arc<Bundle>,
    paths: &[PathBuf],
    sealed: &Sealed,
    all: &[Target],
    scripts: &BTreeMap<Target, usize>,
) -> Result<Exit, Exit> {
    let Traffic {
        known,
        unknown,
        exits: targets,
        exit,
    } = Traffic::of(bundle, paths, sealed)?;
    out::data(&format!(
        "{known} calls went as this flow goes; {unknown} did not, and are not counted"
    ));
    let calls = |target: &Target| targets.get(target).copied().unwrap_or(0);
    let tests = |target: &Target| scripts.get(target).copied().unwrap_or(0);
    let mut rows: Vec<&Target> = all.iter().collect();
    rows.sort_by_key(|target| (tests(target) > 0, std::cmp::Reverse(calls(target)), *target));
    for target in rows {
        out::data(&format!(
            "{:>7} of calls take {target}, {}",
            percent(calls(target), known),
            match tests(target) {
                0 => "0 tests do".to_owned(),
                1 => "1 test does".to_owned(),
                tests => format!("{tests} tests do"),
            }
        ));
    }
    Ok(exit)
}
