//! `dana test --mutate`: makes small mistakes in the flow, one at a time, and lists those that
//! neither the scripts nor the rules notice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bundle::Bundle;
use crate::cli::out;
use crate::proof::mutate::{Mutant, mutants};
use crate::proof::{Proof, Verdict, prove};
use crate::script::Script;
use crate::script::run;

/// Who noticed a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// A script.
    Script,
    /// A rule.
    Rule,
    /// Nobody.
    Nobody,
}

/// The mistakes, each with who noticed it.
pub fn mutate(bundle: &Arc<Bundle>, scripts: &[Script]) -> Vec<(String, Noticed)> {
    let sound = prove(bundle);
    let all = mutants(&bundle.flow);
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut noticed = std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = all.get(at) else {
                    return found;
                };
                if at.is_multiple_of(50) {
                    out::talk(&format!("{at} of {} mistakes", all.len()));
                }
                found.push((at, try_one(bundle, scripts, &sound, mutant)));
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let found = threads.into_iter().filter_map(|thread| thread.join().ok());
        found.flatten().collect::<Vec<_>>()
    });
    noticed.sort_by_key(|(at, _)| *at);
    let what = all.into_iter().map(|mutant| mutant.what);
    what.zip(noticed.into_iter().map(|(_, noticed)| noticed))
        .collect()
}

fn try_one(bundle: &Bundle, scripts: &[Script], sound: &Proof, mutant: &Mutant) -> Noticed {
    let mut changed = bundle.clone();
    changed.flow = Arc::new(mutant.flow.clone());
    let changed = Arc::new(changed);
    if scripts
        .iter()
        .any(|script| run::run(&changed, script) != script.expected)
    {
        return Noticed::Script;
    }
    let broken = |proof: &Proof| -> BTreeSet<String> {
        let broken = proof
            .verdicts()
            .filter(|(_, verdict)| *verdict != Verdict::Holds);
        broken.map(|(rule, _)| rule.name.clone()).collect()
    };
    if broken(&prove(&changed)) == broken(sound) {
        Noticed::Nobody
    } else {
        Noticed::Rule
    }
}
