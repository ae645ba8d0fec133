//! The catalogue of faults, `tests/FAULTS.md`: each row stands there once, with the tests that show
//! what becomes of it or with the reason why there is none; and what is named there exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::Table;

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all functions in the sources below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let names = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                rest.split_once(['(', '<']).map(|(name, _)| name.to_owned())
            });
            found.extend(names);
        }
    }
}

/// The rows that a test's name begins with: `g1_g2_it_is_so` has G1 and G2.
fn rows_of(name: &str) -> Vec<String> {
    let is_row = |part: &&str| {
        let number = part.strip_prefix(['g', 'b', 's', 'p', 'f', 'x']);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let rows = name.split('_').take_while(is_row);
    rows.map(str::to_uppercase).collect()
}

/// Each row with what stands in its last column.
fn table() -> Vec<(String, String)> {
    let text = read("tests/FAULTS.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", row, _, shown, ""] = cells.as_slice() else {
            return None;
        };
        (!rows_of(&row.to_lowercase()).is_empty()).then(|| ((*row).to_owned(), (*shown).to_owned()))
    });
    rows.collect()
}

#[test]
fn each_fault_stands_once_with_its_tests_or_with_a_reason() {
    let table = table();
    let rows: Vec<&str> = table.iter().map(|(row, _)| row.as_str()).collect();
    let groups = [
        ("G", 28),
        ("B", 23),
        ("S", 19),
        ("P", 14),
        ("F", 7),
        ("X", 16),
    ];
    let all = groups
        .iter()
        .flat_map(|(group, count)| (1..=*count).map(move |n| format!("{group}{n}")));
    assert_eq!(rows, all.collect::<Vec<_>>());

    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut functions_here = BTreeSet::new();
    for folder in ["src", "tests"] {
        functions(&home.join(folder), &mut functions_here);
    }
    let mut wrong = Vec::new();
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (row, shown) in &table {
        let tests: BTreeSet<&str> = shown.split('`').skip(1).step_by(2).collect();
        let missing = tests.iter().filter(|test| !functions_here.contains(**test));
        wrong.extend(missing.map(|test| format!("{row}: there is no test `{test}`")));
        if tests.is_empty() && !shown.starts_with("none: ") {
            wrong.push(format!("{row}: neither a test nor `none: ` and why"));
        }
        named.insert(row, tests);
    }
    for test in &functions_here {
        for row in rows_of(test) {
            let there = named
                .get(row.as_str())
                .is_some_and(|tests| tests.contains(test.as_str()));
            if !there {
                wrong.push(format!("{row}: `{test}` is not named"));
            }
        }
    }
    assert!(wrong.is_empty(), "tests/FAULTS.md:\n{}", wrong.join("\n"));
}

fn version(text: &str) -> Vec<u64> {
    let plain = text.split(['-', '+']).next().unwrap_or_default();
    plain
        .split('.')
        .map(|part| part.parse().expect("a version"))
        .collect()
}

/// What we are built of, where cargo-deny is not at hand: from one registry, and nothing that
/// `.deny.toml` bans.
#[test]
fn x16_what_we_are_built_of_is_from_one_place_and_not_banned() {
    let lock: Table = toml::from_str(&read("Cargo.lock")).expect("a lock file");
    let deny: Table = toml::from_str(&read(".deny.toml")).expect("a configuration");
    let packages = lock["package"].as_array().expect("packages");
    let text = |table: &toml::Value, key: &str| {
        let text = table.get(key).and_then(toml::Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let sources: BTreeSet<String> = packages
        .iter()
        .map(|package| text(package, "source"))
        .collect();
    let [own, registry] = sources.iter().collect::<Vec<_>>()[..] else {
        panic!("{sources:?}");
    };
    assert!(
        own.is_empty() && registry.starts_with("registry+"),
        "{sources:?}"
    );

    let banned = deny["bans"]["deny"].as_array().expect("bans");
    assert!(banned.len() >= 3);
    for ban in banned {
        let ban = text(ban, "crate");
        let (name, below) = ban.split_once(":<").unwrap_or((&ban, "999"));
        let used = packages
            .iter()
            .filter(|package| text(package, "name") == name);
        for package in used {
            let used = text(package, "version");
            assert!(version(&used) >= version(below), "{name} {used} is banned");
        }
    }
}
