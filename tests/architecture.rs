//! The house keeps its shape: arrows between rooms, doors to the outside, sizes, words.
//!
//! Reads the sources as text, without comments and strings; std only.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a scanner of our own sources: what it cannot read fails the test"
)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Rooms, lowest first, each with the rooms that it uses: only such as stand before it.
const ROOMS: &[(&str, &str)] = &[
    ("time", ""),
    ("chance", ""),
    ("digest", ""),
    ("compact", ""),
    ("call", ""),
    ("problem", ""),
    ("page", ""),
    ("lookup", "call time"),
    ("prompt", "call problem time"),
    ("audio", "call digest problem prompt"),
    ("understanding", "call problem"),
    ("flow", "call lookup problem prompt"),
    (
        "bundle",
        "audio call digest flow problem prompt understanding",
    ),
    (
        "dialog",
        "bundle call compact flow lookup prompt time understanding",
    ),
    ("seal", "digest"),
    ("journal", "call dialog digest lookup seal time"),
    ("archive", "digest journal seal"),
    ("report", "call dialog digest journal lookup page time"),
    ("caller", "call dialog time"),
    (
        "script",
        "bundle call caller dialog flow journal lookup problem time",
    ),
    (
        "traffic",
        "bundle call caller chance dialog journal lookup script time",
    ),
    (
        "transcript",
        "audio call dialog journal problem prompt time",
    ),
    ("retrace", "bundle dialog journal time"),
    (
        "redact",
        "bundle call dialog digest journal lookup retrace traffic understanding",
    ),
    (
        "proof",
        "bundle call chance dialog flow journal lookup problem prompt script time understanding",
    ),
    (
        "replay",
        "bundle call caller dialog flow journal lookup prompt retrace time",
    ),
    ("clock", "time"),
    ("token", "call compact dialog time"),
    ("fallback", "call dialog time"),
    ("metrics", ""),
    ("network", "call clock lookup metrics time"),
    ("store", "call clock digest seal"),
    ("tickets", "digest lookup metrics store"),
    ("records", "call journal seal store token"),
    ("shelf", "bundle"),
    ("publication", "bundle shelf store"),
    (
        "session",
        "bundle dialog fallback journal lookup time token",
    ),
    (
        "gateway",
        "audio bundle call clock dialog digest lookup metrics prompt session shelf time token",
    ),
    ("client", "call caller chance dialog gateway journal time"),
    (
        "load",
        "call caller chance client clock dialog gateway script",
    ),
    (
        "serve",
        "bundle call clock digest gateway journal lookup metrics network problem publication records seal session shelf store tickets token",
    ),
    (
        "cli",
        "archive audio bundle call caller chance client clock dialog digest flow gateway journal load lookup network page problem prompt proof publication records redact replay report retrace script seal serve session store tickets time token traffic transcript understanding",
    ),
];

/// What may be named in a few places only: the words, and where (beginnings of paths).
const DOORS: &[(&[&str], &[&str])] = &[
    (
        &["pb::", "include_proto!"],
        &["src/gateway/", "src/client.rs", "src/load/"],
    ),
    (&["reqwest"], &["src/network/"]),
    (&["prometheus_client"], &["src/metrics.rs"]),
    (
        &["rustls::", "webpki"],
        &[
            "src/gateway/tls.rs",
            "src/gateway/accept.rs",
            "src/network/http.rs",
            "src/client/target.rs",
        ],
    ),
    (
        &["rubato", "ebur128", "audio_codec_algorithms"],
        &["src/audio/"],
    ),
    (
        &["Command::new"],
        &["src/audio/", "src/cli/demo/replica.rs"],
    ),
    (&["zstd"], &["src/archive/"]),
    (&["rodio"], &["src/cli/speaker.rs"]),
    (&["sqlx"], &["src/store/"]),
    (
        &["std::env"],
        &["src/serve/config.rs", "src/cli/demo/replica.rs"],
    ),
    (
        &[
            "println!",
            "eprintln!",
            "print!",
            "eprint!",
            "io::stdout",
            "io::stderr",
        ],
        &["src/cli/out.rs"],
    ),
    // The wall clock has one place; deadlines are counted only where something is waited for.
    (&["SystemTime::now"], &["src/clock.rs"]),
    (
        &["Instant::now"],
        &[
            "src/session.rs",
            "src/gateway/",
            "src/network/",
            "src/tickets/",
            "src/client.rs",
            "src/load/",
            "src/cli/",
        ],
    ),
];

/// Others' JSON is camel case; ours is not.
const FOREIGN_JSON: &str = "camelCase";
const FOREIGN_JSON_ROOM: &str = "src/network/";

/// Rooms that never wait and never log, and the words of it. The port's trait promises futures.
const PURE: &[&str] = &[
    "time",
    "call",
    "chance",
    "problem",
    "lookup",
    "prompt",
    "understanding",
    "flow",
    "bundle",
    "dialog",
    "caller",
    "script",
    "traffic",
    "proof",
    "replay",
];
const IMPURE: &[&str] = &["tokio", "tracing", "async", ".await"];

/// No file is longer.
const MAX_LINES: usize = 500;

/// Parts of names that say nothing, and what must not be left behind.
const REFUSED_IN_NAMES: &[&str] = &["Manager", "Helper", "Util"];
const LEFT_BEHIND: &[&str] = &["dbg!", "todo!", "unimplemented!"];

struct File {
    path: String,
    text: String,
    /// The text with comments and the inside of strings as blanks.
    code: String,
}

impl File {
    /// Lines of code that contain the word, from 1.
    fn lines_with<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let starts = move |line: &str| {
            line.match_indices(word).any(|(at, _)| {
                let in_name = |c: char| c.is_alphanumeric() || c == '_';
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                let begins = !word.starts_with(char::is_alphabetic) || !before.is_some_and(in_name);
                begins && (!word.starts_with('.') || !after.is_some_and(in_name))
            })
        };
        let lines = self.code.lines().zip(1..);
        lines
            .filter(move |(line, _)| starts(line))
            .map(|(_, number)| number)
    }

    fn room(&self) -> Option<&str> {
        let path = self.path.strip_prefix("src/")?;
        path.split(['/', '.'])
            .next()
            .filter(|room| !matches!(*room, "lib" | "main"))
    }
}

fn files(folders: &[&str]) -> Vec<File> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = code_of(&text);
        let path = path.strip_prefix(root).unwrap().display().to_string();
        File { path, text, code }
    };
    paths.iter().map(read).collect()
}

/// Blanks comments, strings and characters; line ends stay.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|r| r.trim_start_matches('#'));
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if c == '"' {
            string_length(rest)
        } else if let Some(body) = raw.filter(|r| r.starts_with('"') && !after_name) {
            let hashes = rest.len() - body.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.len() - body.len() + 1;
            body[1..]
                .find(&end)
                .map_or(rest.len(), |at| open + at + end.len())
        } else if c == '\'' && rest[1..].starts_with('\\') {
            rest[3..].find('\'').map_or(rest.len(), |at| at + 4)
        } else if c == '\'' && rest.chars().nth(2) == Some('\'') {
            rest.char_indices().nth(3).map_or(rest.len(), |(at, _)| at)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let (blanked, after) = rest.split_at(length);
        code.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// Bytes from a quote to behind the one that closes it.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn nothing(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn arrows_go_down_and_the_table_is_true() {
    let names: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    let table: BTreeMap<&str, BTreeSet<&str>> = ROOMS
        .iter()
        .map(|(room, uses)| (*room, uses.split_whitespace().collect()))
        .collect();
    let mut faults = Vec::new();
    for (at, (room, uses)) in ROOMS.iter().enumerate() {
        for used in uses
            .split_whitespace()
            .filter(|used| !names[..at].contains(used))
        {
            faults.push(format!("table: {used} does not stand before {room}"));
        }
    }
    let mut unused = table.clone();
    for file in &files(&["src"]) {
        let Some(room) = file.room() else { continue };
        let Some(uses) = table.get(room) else {
            faults.push(format!("table: room {room} ({}) is missing", file.path));
            continue;
        };
        for (line, number) in file.code.lines().zip(1..) {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let used = &rest[..end.unwrap_or(rest.len())];
                if used != room && !uses.contains(used) {
                    faults.push(format!("{}:{number}: {room} may not use {used}", file.path));
                }
                unused.get_mut(room).unwrap().remove(used);
            }
        }
    }
    for (room, uses) in unused {
        faults.extend(
            uses.iter()
                .map(|used| format!("table: {room} no longer uses {used}")),
        );
    }
    nothing(&faults);
}

#[test]
fn what_is_foreign_stays_behind_its_door() {
    let mut faults = Vec::new();
    for file in &files(&["src"]) {
        for (words, places) in DOORS {
            if places.iter().any(|place| file.path.starts_with(place)) {
                continue;
            }
            for word in *words {
                let lines = file.lines_with(word);
                faults.extend(
                    lines.map(|n| format!("{}:{n}: `{word}` belongs to {places:?}", file.path)),
                );
            }
        }
        for (line, number) in file.text.lines().zip(1..) {
            if line.contains(FOREIGN_JSON) && !file.path.starts_with(FOREIGN_JSON_ROOM) {
                faults.push(format!("{}:{number}: others' JSON", file.path));
            }
        }
        if file.room().is_some_and(|room| PURE.contains(&room)) {
            for word in IMPURE {
                let lines = file.lines_with(word);
                faults.extend(lines.map(|n| format!("{}:{n}: no `{word}` here", file.path)));
            }
        }
    }
    nothing(&faults);
}

#[test]
fn files_are_short_open_with_what_they_are_and_leave_nothing_behind() {
    let fixme = ["FIX", "ME"].concat();
    let mut faults = Vec::new();
    for file in &files(&["src", "tests", "proto"]) {
        let (path, lines) = (&file.path, file.text.lines().count());
        if lines > MAX_LINES {
            faults.push(format!("{path}: {lines} lines, at most {MAX_LINES}"));
        }
        if !file.text.starts_with("//!") {
            faults.push(format!("{path}: does not open with `//!`"));
        }
        for (line, number) in file.text.lines().zip(1..) {
            if line.contains(&fixme) {
                faults.push(format!("{path}:{number}: {fixme}"));
            }
        }
        for word in LEFT_BEHIND {
            faults.extend(file.lines_with(word).map(|n| format!("{path}:{n}: {word}")));
        }
        for word in REFUSED_IN_NAMES {
            let named = file
                .code
                .lines()
                .zip(1..)
                .filter(|(line, _)| line.contains(word));
            faults.extend(named.map(|(_, n)| format!("{path}:{n}: a name with {word}")));
        }
    }
    nothing(&faults);
}

#[test]
fn the_readme_names_both_commands() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(readme).unwrap();
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(
            text.lines()
                .any(|line| line.split('#').next().unwrap().trim() == command),
            "README.md: `{command}` is missing"
        );
    }
}

/// The scanner itself: what it must not see, and what it must.
#[test]
fn comments_and_strings_are_no_code() {
    let text = "a // crate::x\nb \"crate::y \\\" // \" c 'd' '\\'' '\"' r#\"crate::\"z\"# 'l: e\n";
    let code: Vec<String> = code_of(text)
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(code, ["a", "bc'l:e"]);
}
