//! A packed file, read: see [`pack`](crate::archive::pack) for its form. A block that is damaged
//! costs its own calls, each named as long as the block's records can be read; a file that was cut
//! off gives what is there.

use std::fs::File;
use std::io;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::archive::calls::{Split, Take};
use crate::archive::pack::{BLOCK_HEAD, DIRECTORY_ROW, FORMAT, MAGIC, TRAILER, key_hash};
use crate::archive::pack::{FileHead, MAX_BLOCK};
use crate::archive::{Fault, Place, Recorded, Row};
use crate::digest::short;
use crate::journal::cdr::Cdr;
use crate::journal::known::Known;
use crate::journal::reader::Line;
use crate::journal::written;
use crate::seal::{Keys, PieceKey};

/// Longest first line.
const MAX_HEAD: u64 = 1024;
/// Bytes that are searched at once for the next block behind a damaged one.
const SEARCH: usize = 1 << 20;

/// A packed file, open.
#[derive(Debug)]
pub(super) struct Packed {
    name: Arc<str>,
    file: File,
    size: u64,
    key: Option<PieceKey>,
    /// Where the blocks begin.
    first: u64,
    /// The end of the file, if it has one.
    end: Option<End>,
}

/// What stands at the end of a whole file.
#[derive(Debug)]
struct End {
    calls: u64,
    directory: u64,
    blocks: Vec<u64>,
}

/// A block: where it is and what its head says.
#[derive(Clone, Debug)]
pub(super) struct Block {
    at: u64,
    records: Piece,
    text: Piece,
}

/// A compressed piece of a block.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u64,
    len: usize,
    raw: usize,
    checksum: u64,
    number: u64,
}

/// A line of a block's records.
#[derive(Deserialize, Serialize)]
pub(super) struct Record {
    /// Its first line in the block's text, from 1.
    pub(super) line: usize,
    /// Its first byte in the block's text, and how many they are.
    pub(super) at: usize,
    pub(super) len: usize,
    /// The call's record.
    pub(super) cdr: Cdr,
}

impl Packed {
    /// Whether a file says that it is one.
    pub(super) fn is_one(path: &Path) -> bool {
        let mut magic = [0; MAGIC.len()];
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut magic, 0));
        read.is_ok() && magic == *MAGIC
    }

    /// Opens one.
    pub(super) fn open(path: &Path, keys: &Keys) -> Result<Self, Fault> {
        let name: Arc<str> = path.display().to_string().into();
        let unreadable = |error: io::Error| Fault::unreadable(path, error);
        let fault = |why: String| packed_fault(&name, None, why);
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut head = Vec::new();
        let mut input = BufReader::new(&file).take(MAX_HEAD);
        input.read_until(b'\n', &mut head).map_err(unreadable)?;
        let text = head.strip_prefix(MAGIC);
        let text = text.ok_or_else(|| fault("not a packed archive".to_owned()))?;
        let read: FileHead = serde_json::from_slice(text)
            .map_err(|_| fault("its first line is damaged".to_owned()))?;
        if read.format > FORMAT {
            let why = format!(
                "packed in form {}, this build reads up to {FORMAT}: use a newer build",
                read.format
            );
            return Err(fault(why));
        }
        let key = match &read.sealed {
            None => None,
            Some(sealed) => Some(keys.open(sealed).ok_or_else(|| {
                fault(format!(
                    "sealed with key {}, which is not at hand: name its file (--keys, or the setting journal.keys)",
                    sealed.key
                ))
            })?),
        };
        let first = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let end = read_end(&file, size);
        Ok(Self {
            name,
            file,
            size,
            key,
            first,
            end,
        })
    }

    /// How many calls it says it has.
    pub(super) fn calls(&self) -> Option<u64> {
        self.end.as_ref().map(|end| end.calls)
    }

    /// Its blocks, in order; what is damaged between them stands as a fault.
    pub(super) fn blocks(self: Arc<Self>) -> impl Iterator<Item = Result<Block, Fault>> {
        let mut at = self.first;
        let mut index = 0;
        let mut over = false;
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            if let Some(end) = &self.end {
                let at = *end.blocks.get(index)?;
                index += 1;
                return Some(self.block(at).ok_or_else(|| self.damaged(at)));
            }
            if at >= self.size {
                over = true;
                let why = "it has no end: it was cut off; what is there is read".to_owned();
                return Some(Err(packed_fault(&self.name, None, why)));
            }
            if let Some(block) = self.block(at) {
                at = block.text.at + to_u64(block.text.len);
                return Some(Ok(block));
            }
            let damaged = self.damaged(at);
            at = self.search(at + 1).unwrap_or(self.size);
            Some(Err(damaged))
        })
    }

    fn damaged(&self, at: u64) -> Fault {
        let why = format!("the block at byte {at} is damaged, its calls are lost");
        packed_fault(&self.name, None, why)
    }

    /// The head of a block, if one is there and as it was written.
    fn block(&self, at: u64) -> Option<Block> {
        let mut head = [0; BLOCK_HEAD];
        self.file.read_exact_at(&mut head, at).ok()?;
        let (body, sum) = head.split_at(BLOCK_HEAD - 8);
        let (magic, body) = body.split_at(4);
        if magic != b"BLOK" || le(sum) != short(&[magic, body].concat()) {
            return None;
        }
        let (numbers, sums) = body.split_at(24);
        let mut numbers = numbers.chunks(4).map(le);
        let ordinal = numbers.next()?;
        let mut lens = numbers
            .skip(1)
            .map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let (records, text) = (lens.next()?, lens.next()?);
        let (raw_records, raw_text) = (lens.next()?, lens.next()?);
        let start = at + to_u64(BLOCK_HEAD);
        let (records_sum, text_sum) = sums.split_at(8);
        let piece = |at, len, raw, sum: &[u8], number| Piece {
            at,
            len,
            raw,
            checksum: le(sum),
            number,
        };
        Some(Block {
            at,
            records: piece(start, records, raw_records, records_sum, 2 * ordinal),
            text: piece(
                start + to_u64(records),
                text,
                raw_text,
                text_sum,
                2 * ordinal + 1,
            ),
        })
    }

    /// The next block from there on.
    fn search(&self, from: u64) -> Option<u64> {
        let mut at = from;
        let mut window = vec![0; SEARCH];
        loop {
            let read = self
                .file
                .read_at(&mut window, at)
                .ok()
                .filter(|n| *n >= 4)?;
            let heads = window.get(..read)?.windows(4).zip(at..);
            for (_, at) in heads.filter(|(bytes, _)| *bytes == b"BLOK") {
                if self.block(at).is_some() {
                    return Some(at);
                }
            }
            at += to_u64(read - 3);
        }
    }

    fn piece(&self, piece: Piece) -> Result<Vec<u8>, &'static str> {
        if piece.len > MAX_BLOCK || piece.raw > MAX_BLOCK {
            return Err("larger than any block");
        }
        let mut bytes = vec![0; piece.len];
        let read = self.file.read_exact_at(&mut bytes, piece.at);
        read.map_err(|_| "cut off")?;
        if short(&bytes) != piece.checksum {
            return Err("not as it was written");
        }
        if let Some(key) = &self.key {
            let opened = key.open(piece.number, &mut bytes);
            opened.ok_or("sealed, and not as it was written")?;
        }
        zstd::bulk::decompress(&bytes, piece.raw).map_err(|_| "it does not unpack")
    }

    /// The records of a block.
    pub(super) fn rows(&self, known: &mut Known, block: &Block) -> Vec<Result<Row, Fault>> {
        let Some(records) = self.records(block) else {
            let mut rows = Vec::new();
            self.read(known, block, &mut |call| {
                rows.extend(call.map(|call| call.row()).transpose());
            });
            return rows;
        };
        let row = |record: Record| Row {
            place: self.place(block, record.line),
            cdr: record.cdr,
        };
        records.into_iter().map(row).map(Ok).collect()
    }

    /// The calls of a block; if its text is damaged, those of the records are named as lost.
    pub(super) fn read(&self, known: &mut Known, block: &Block, take: Take<'_>) {
        let why = match self.piece(block.text) {
            Ok(text) => return self.split(known, block, (&text, 1), take),
            Err(why) => format!("the block at byte {} is {why}", block.at),
        };
        let mut lost = |call| take(Err(packed_fault(&self.name, call, why.clone())));
        let records = self.records(block).unwrap_or_default();
        if records.is_empty() {
            lost(None);
        }
        for record in records {
            lost(Some(record.cdr.call_key.to_string()));
        }
    }

    /// The records of a block as they stand apart from its text.
    pub(super) fn apart(&self, block: &Block) -> Vec<Cdr> {
        let records = self.records(block).unwrap_or_default();
        records.into_iter().map(|record| record.cdr).collect()
    }

    fn records(&self, block: &Block) -> Option<Vec<Record>> {
        let bytes = self.piece(block.records).ok()?;
        let lines = lines(&bytes).filter(|line| !line.is_empty());
        lines.map(|line| written::from_slice(line).ok()).collect()
    }

    /// The calls of a block in that text, and the number of its first line.
    fn split(
        &self,
        known: &mut Known,
        block: &Block,
        (text, first): (&[u8], usize),
        take: Take<'_>,
    ) {
        let mut placed = |mut call: Result<Recorded, Fault>| {
            if let Ok(call) = &mut call {
                call.place.block = Some(block.at);
            }
            take(call);
        };
        let mut calls = Split::new(known, &mut placed);
        for (text, number) in lines(text).zip(first..) {
            if !text.is_empty() {
                let line = Line {
                    number,
                    text: text.into(),
                    torn: false,
                };
                calls.take(&self.name, Ok(line));
            }
        }
        calls.finish();
    }

    /// One call, through the directory at the end of the file.
    pub(super) fn find(&self, key: &str) -> Option<Result<Recorded, Fault>> {
        let end = self.end.as_ref()?;
        let wanted = key_hash(key);
        let row = |index: u64| -> Option<(u64, u64)> {
            let mut row = [0; DIRECTORY_ROW];
            let at = end.directory + index * to_u64(DIRECTORY_ROW);
            self.file.read_exact_at(&mut row, at).ok()?;
            let (hash, block) = row.split_at(8);
            Some((le(hash), le(block)))
        };
        let (mut low, mut high) = (0, end.calls);
        while low < high {
            let middle = u64::midpoint(low, high);
            if row(middle)?.0 < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let same = (low..end.calls)
            .map_while(row)
            .take_while(|(hash, _)| *hash == wanted);
        for (_, at) in same {
            let Some(block) = self.block(at) else {
                continue;
            };
            let records = self.records(&block).unwrap_or_default();
            let Some(record) = records.iter().find(|record| *record.cdr.call_key == *key) else {
                continue;
            };
            return match self.piece(block.text) {
                Ok(text) => {
                    let text = text.get(record.at..record.at.checked_add(record.len)?)?;
                    let mut found = None;
                    self.split(
                        &mut Known::default(),
                        &block,
                        (text, record.line),
                        &mut |call| {
                            found.get_or_insert(call);
                        },
                    );
                    found
                }
                Err(why) => {
                    let why = format!("the block at byte {at} is {why}");
                    Some(Err(packed_fault(&self.name, Some(key.to_owned()), why)))
                }
            };
        }
        None
    }

    fn place(&self, block: &Block, line: usize) -> Place {
        Place {
            file: Arc::clone(&self.name),
            line,
            block: Some(block.at),
        }
    }
}

/// The lines of a text, without their ends.
fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let line = text;
        let len = text.skip_until(b'\n').ok().filter(|len| *len > 0)?;
        let line = line.get(..len)?;
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    })
}

fn packed_fault(file: &str, call: Option<String>, why: String) -> Fault {
    let file = file.to_owned();
    Fault::Packed { file, call, why }
}

/// The end of a whole file; `None` if it was cut off or is damaged there.
fn read_end(file: &File, size: u64) -> Option<End> {
    let mut trailer = [0; TRAILER];
    let at = size.checked_sub(to_u64(TRAILER))?;
    file.read_exact_at(&mut trailer, at).ok()?;
    let (body, sums) = trailer.split_at(4 + 4 + 8 + 8);
    let (magic, numbers) = body.split_at(4);
    let (blocks_sum, sum) = sums.split_at(8);
    if magic != b"DEND" || le(sum) != short(&[body, blocks_sum].concat()) {
        return None;
    }
    let (count, numbers) = numbers.split_at(4);
    let (calls, directory) = numbers.split_at(8);
    let (count, calls, directory) = (le(count), le(calls), le(directory));
    let blocks_at = directory.checked_add(calls.checked_mul(to_u64(DIRECTORY_ROW))?)?;
    if blocks_at.checked_add(count.checked_mul(8)?)? != at {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(count * 8).ok()?];
    file.read_exact_at(&mut bytes, blocks_at).ok()?;
    if short(&bytes) != le(blocks_sum) {
        return None;
    }
    let blocks = bytes.chunks(8).map(le).collect();
    Some(End {
        calls,
        directory,
        blocks,
    })
}

/// A number of up to eight bytes, little end first.
fn le(bytes: &[u8]) -> u64 {
    let add = |number, byte: &u8| (number << 8) | u64::from(*byte);
    bytes.iter().rev().fold(0, add)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
