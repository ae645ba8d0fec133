//! Folders and files of JSON lines, in parts. A service's folder is read day by day, and what
//! several services wrote of one day, as one.
//!
//! The segments of a call are `<name>.0.jsonl`, `<name>.1.jsonl` …; a file of another name holds any
//! number of calls.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::calls::{Split, Take};
use crate::archive::packed::Packed;
use crate::archive::{BYTES_IN_PART, CALLS_IN_PART, Fault, Inner};
use crate::journal::known::Known;
use crate::journal::reader::{Line, Lines, ReadError};
use crate::journal::segment_name;
use crate::seal::Keys;

/// Files that belong together: the segments of a call, or one file of several calls.
pub(super) type Group = Vec<PathBuf>;

/// The name of a call's files; of a file of several calls also where it is.
type Name = (String, Option<PathBuf>);

/// Where a service keeps its journals below its folder.
const JOURNALS: &str = "journals";

/// The parts of these folders and files.
pub(super) fn parts<'a>(
    paths: &'a [PathBuf],
    keys: &'a Keys,
) -> impl Iterator<Item = Inner> + use<'a> {
    let (services, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        paths.iter().partition(|path| path.join(JOURNALS).is_dir());
    let mut days: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut faults = Vec::new();
    for service in services {
        match list(&service.join(JOURNALS)) {
            Ok(folders) => {
                for folder in folders {
                    let name = folder.file_name().map(|name| name.to_string_lossy().into());
                    days.entry(name.unwrap_or_default())
                        .or_default()
                        .push(folder);
                }
            }
            Err(fault) => faults.push(Inner::Fault(fault)),
        }
    }
    let others = others.into_iter().cloned().map(|path| vec![path]);
    let units = days.into_values().chain(others);
    let units = units.flat_map(move |unit| unit_parts(&unit, keys));
    faults.into_iter().chain(units)
}

/// The parts of one day, or of one path.
fn unit_parts<'a>(paths: &[PathBuf], keys: &'a Keys) -> impl Iterator<Item = Inner> + use<'a> {
    let mut files = BTreeSet::new();
    let mut faults = Vec::new();
    for path in paths {
        if let Err(fault) = walk(path, &mut files) {
            faults.push(Inner::Fault(fault));
        }
    }
    // By the name of the call, then of its segment, wherever the file is.
    let mut groups: BTreeMap<Name, BTreeMap<(u32, PathBuf), PathBuf>> = BTreeMap::new();
    for file in files {
        let name = file.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_default().into_owned();
        let (key, segment) = match segment_of(&name) {
            Some((call, segment)) => ((call.to_owned(), None), segment),
            None => ((name, Some(file.clone())), 0),
        };
        groups
            .entry(key)
            .or_default()
            .insert((segment, file.clone()), file);
    }
    let mut units = Vec::new();
    let mut small: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for group in groups.into_values() {
        let group: Group = group.into_values().collect();
        let size = size(&group);
        if is_large(&group, size) {
            units.extend(group.into_iter().map(Unit::Large));
            continue;
        }
        small.push(group);
        bytes += size;
        if small.len() == CALLS_IN_PART || bytes >= BYTES_IN_PART {
            units.push(Unit::Small(std::mem::take(&mut small)));
            bytes = 0;
        }
    }
    if !small.is_empty() {
        units.push(Unit::Small(small));
    }
    let parts = units.into_iter().flat_map(move |unit| unit.parts(keys));
    faults.into_iter().chain(parts)
}

enum Unit {
    Small(Vec<Group>),
    Large(PathBuf),
}

impl Unit {
    fn parts<'a>(self, keys: &'a Keys) -> Box<dyn Iterator<Item = Inner> + 'a> {
        match self {
            Self::Small(groups) => Box::new(std::iter::once(Inner::Files(groups))),
            Self::Large(path) if Packed::is_one(&path) => match Packed::open(&path, keys) {
                Ok(packed) => {
                    let packed = Arc::new(packed);
                    let blocks = Arc::clone(&packed).blocks();
                    Box::new(blocks.map(move |block| match block {
                        Ok(block) => Inner::Block(Arc::clone(&packed), block),
                        Err(fault) => Inner::Fault(fault),
                    }))
                }
                Err(fault) => Box::new(std::iter::once(Inner::Fault(fault))),
            },
            Self::Large(path) => Box::new(Pieces {
                name: path.display().to_string().into(),
                lines: Lines::open(&path, keys),
                next: None,
            }),
        }
    }
}

/// A long file in parts: each ends before a header.
struct Pieces<'k> {
    name: Arc<str>,
    lines: Lines<'k>,
    /// The header of the next part.
    next: Option<Line<'static>>,
}

impl Iterator for Pieces<'_> {
    type Item = Inner;

    fn next(&mut self) -> Option<Inner> {
        let mut piece: Vec<Result<Line<'static>, ReadError>> =
            self.next.take().map(Ok).into_iter().collect();
        // Of the part, and of its last call.
        let (mut calls, mut bytes, mut call) = (piece.len(), 0, 0);
        let mut last_failed = false;
        for line in self.lines.by_ref() {
            match line {
                Ok(line) if line.is_header() => {
                    // A resume goes on with the call before it.
                    let whole = calls >= CALLS_IN_PART || bytes >= BYTES_IN_PART;
                    if whole && line.begins_call() {
                        self.next = Some(line);
                        break;
                    }
                    if line.begins_call() {
                        calls += 1;
                        call = 0;
                    }
                    piece.push(Ok(line));
                    last_failed = false;
                }
                Ok(line) => {
                    bytes += line.text.len();
                    // Of a file that is none of ours, no more is kept than of one that is: a line too
                    // many tells that the call is too long.
                    let kept = call <= super::MAX_CALL;
                    call += line.text.len();
                    if kept {
                        piece.push(Ok(line));
                    }
                    last_failed = false;
                }
                // The first of many says it.
                Err(error) => {
                    if !last_failed {
                        piece.push(Err(error));
                    }
                    last_failed = true;
                }
            }
        }
        (!piece.is_empty()).then(|| Inner::Lines(Arc::clone(&self.name), piece))
    }
}

/// The calls of files that belong together.
pub(super) fn read(known: &mut Known, group: &Group, keys: &Keys, take: Take<'_>) {
    let mut calls = Split::new(known, take);
    for path in group {
        let name: Arc<str> = path.display().to_string().into();
        for line in Lines::open(path, keys) {
            calls.take(&name, line);
        }
    }
    calls.finish();
}

/// The files of a call in the folders of services.
pub(super) fn find(paths: &[PathBuf], key: &str) -> Option<Group> {
    let name = segment_name(key);
    let days = paths.iter().map(|service| list(&service.join(JOURNALS)));
    let days: BTreeSet<PathBuf> = days.flatten().flatten().collect();
    let mut group = Vec::new();
    let mut missing = 0;
    for segment in 0u32.. {
        let file = format!("{name}.{segment}.jsonl");
        let found = days.iter().map(|day| day.join(&file));
        let before = group.len();
        group.extend(found.filter(|path| path.exists()));
        missing = if group.len() > before { 0 } else { missing + 1 };
        if missing == MAX_MISSING {
            break;
        }
    }
    (!group.is_empty()).then_some(group)
}

/// So many segments in a row that are nowhere end the search: some may be with a service that is not
/// read here.
const MAX_MISSING: u32 = 64;

/// `<name>.<segment>.jsonl`.
fn segment_of(name: &str) -> Option<(&str, u32)> {
    let (call, segment) = name.strip_suffix(".jsonl")?.rsplit_once('.')?;
    Some((call, segment.parse().ok()?))
}

fn size(group: &Group) -> usize {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |about| about.len());
    let total: u64 = group.iter().map(size).sum();
    usize::try_from(total).unwrap_or(usize::MAX)
}

/// A packed file, or one of many calls: several parts by itself.
fn is_large(group: &Group, size: usize) -> bool {
    let [path] = &group[..] else { return false };
    let name = path.file_name().and_then(|name| name.to_str());
    let one_call = name.and_then(segment_of).is_some();
    Packed::is_one(path) || (!one_call && size >= BYTES_IN_PART / CALLS_IN_PART)
}

/// Every file below that may hold recordings.
fn walk(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<(), Fault> {
    if !path.is_dir() {
        files.insert(path.to_owned());
        return Ok(());
    }
    for path in list(path)? {
        let ours = |ending: &std::ffi::OsStr| ending == "jsonl" || ending == "archive";
        if path.is_dir() || path.extension().is_some_and(ours) {
            walk(&path, files)?;
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let unreadable = |error| Fault::unreadable(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}
