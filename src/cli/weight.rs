//! Coverage by traffic: how many recorded calls take an exit that no test does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::{Part, Recorded};
use crate::bundle::Bundle;
use crate::cli::out;
use crate::cli::out::Exit;
use crate::cli::recordings::{Recordings, Sealed};
use crate::dialog::trail::Passed;
use crate::proof::{Target, targets as targets_of};
use crate::retrace::{does_the_same, retrace};

/// Tells, for each exit, the share of recorded calls and the number of scripts that take it.
///
/// # Errors
/// The archive cannot be opened; told already.
pub fn weigh(
    bundle: &Arc<Bundle>,
    paths: &[PathBuf],
    sealed: &Sealed,
    all: &[Target],
    scripts: &BTreeMap<Target, usize>,
) -> Result<Exit, Exit> {
    let recordings = Recordings::of(paths, sealed);
    let archive = recordings.open()?;
    let read = |part: &Part| archive.read(part);
    let way = |call: Recorded| -> Option<BTreeSet<Passed>> {
        let retraced = retrace(bundle, &call.entries)?;
        let same = does_the_same(&call.entries, &retraced.entries);
        same.then(|| retraced.all_passed().collect())
    };
    let (mut known, mut unknown) = (0, 0);
    let mut targets: BTreeMap<Target, u64> = BTreeMap::new();
    let faults = recordings.each(&archive, read, way, |way| {
        let Some(way) = way else {
            unknown += 1;
            return true;
        };
        known += 1;
        // Several things on a trail may be one exit: a call counts once.
        let way: Vec<Passed> = way.into_iter().collect();
        for target in targets_of(&bundle.flow, &way) {
            *targets.entry(target).or_default() += 1;
        }
        true
    });
    let exit = faults.exit();
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
            share(calls(target), known),
            match tests(target) {
                0 => "0 tests do".to_owned(),
                1 => "1 test does".to_owned(),
                tests => format!("{tests} tests do"),
            }
        ));
    }
    Ok(exit)
}

/// `4.1 %`.
fn share(part: u64, of: u64) -> String {
    let tenths = (part * 1000 + of / 2) / of.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
