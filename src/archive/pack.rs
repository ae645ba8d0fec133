//! Packs recordings into one file: blocks of some dozens of calls, compressed by zstd, sealed where
//! there is a key; each block has the records of its calls apart from the calls, so that lists and
//! reports need not unpack those; and a directory at the end finds a call by its key with a few
//! reads. The same calls and no key give the same bytes.
//!
//! ```text
//! DANA-ARCHIVE {"format":1,"sealed":null}⏎      or the head of what seals the blocks
//! block    "BLOK" ordinal calls, bytes of: records, text, both unpacked; checksums   see `head`
//!          records   zstd of JSON lines: {"line", "at", "len", "cdr"}
//!          text      zstd of the journals, JSON lines
//! …
//! directory  a row a call, sorted: hash of the key, the block's first byte
//! blocks     the first byte of each
//! trailer    "DEND" blocks calls directory; checksums
//! ```
//! Numbers have the little end first. A checksum is the first eight bytes of a SHA-256.

use std::io;
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::archive::packed::Record;
use crate::archive::{BYTES_IN_PART, MAX_CALL};
use crate::digest::short;
use crate::journal::Entry;
use crate::journal::cdr::fold;
use crate::seal::{Head, Keys, PieceKey};

/// Version of the form of a packed file.
pub(super) const FORMAT: u32 = 1;
/// How a packed file begins.
pub(super) const MAGIC: &[u8; 13] = b"DANA-ARCHIVE ";
/// Bytes of a block's head, of a row of the directory, of the trailer.
pub(super) const BLOCK_HEAD: usize = 4 + 6 * 4 + 3 * 8;
pub(super) const DIRECTORY_ROW: usize = 16;
pub(super) const TRAILER: usize = 4 + 4 + 8 + 8 + 2 * 8;
/// Most bytes of a block's piece, packed or not: one more call than the block was full of.
pub(super) const MAX_BLOCK: usize = BYTES_IN_PART + 2 * MAX_CALL;

/// How hard zstd tries. Measured on generated calls: 9 packs a tenth smaller in four times the time.
const LEVEL: i32 = 3;

/// The first line, behind [`MAGIC`].
#[derive(Deserialize, Serialize)]
pub(super) struct FileHead {
    pub(super) format: u32,
    pub(super) sealed: Option<Head>,
}

/// A block, packed, not yet sealed.
#[derive(Debug)]
pub struct Packet {
    calls: u32,
    records: Vec<u8>,
    text: Vec<u8>,
    raw_records: usize,
    raw_text: usize,
    hashes: Vec<u64>,
}

/// Packs calls, in any thread: usually one block, more where calls are long. Entries without a
/// header in front are no call and are left out.
///
/// # Errors
/// zstd's.
pub fn packets(calls: &[Vec<Entry>]) -> io::Result<Vec<Packet>> {
    let mut packets = Vec::new();
    let mut raw = Raw::default();
    for call in calls {
        raw.push(call)?;
        if raw.text.len() >= BYTES_IN_PART {
            packets.push(std::mem::take(&mut raw).pack()?);
        }
    }
    if !raw.hashes.is_empty() {
        packets.push(raw.pack()?);
    }
    Ok(packets)
}

#[derive(Default)]
struct Raw {
    records: Vec<u8>,
    text: Vec<u8>,
    lines: usize,
    hashes: Vec<u64>,
}

impl Raw {
    fn push(&mut self, call: &[Entry]) -> io::Result<()> {
        let Some(cdr) = fold(call) else {
            return Ok(());
        };
        let (line, at) = (self.lines + 1, self.text.len());
        for entry in call {
            serde_json::to_writer(&mut self.text, entry)?;
            self.text.push(b'\n');
        }
        self.lines += call.len();
        self.hashes.push(key_hash(&cdr.call_key));
        let len = self.text.len() - at;
        serde_json::to_writer(&mut self.records, &Record { line, at, len, cdr })?;
        self.records.push(b'\n');
        Ok(())
    }

    fn pack(self) -> io::Result<Packet> {
        Ok(Packet {
            calls: to_u32(self.hashes.len())?,
            records: zstd::bulk::compress(&self.records, LEVEL)?,
            text: zstd::bulk::compress(&self.text, LEVEL)?,
            raw_records: self.records.len(),
            raw_text: self.text.len(),
            hashes: self.hashes,
        })
    }
}

/// Writes a packed file, block by block.
#[derive(Debug)]
pub struct Packer<W> {
    out: W,
    key: Option<PieceKey>,
    at: u64,
    blocks: Vec<u64>,
    /// Hash of the key, first byte of the block: 16 bytes a call.
    directory: Vec<(u64, u64)>,
}

impl<W: Write> Packer<W> {
    /// Begins the file; sealed with the first of the keys if there is one.
    ///
    /// # Errors
    /// `out`'s, or no random numbers.
    pub fn new(mut out: W, keys: &Keys) -> io::Result<Self> {
        let (sealed, key) = keys.begin()?.unzip();
        let format = FORMAT;
        let head = serde_json::to_vec(&FileHead { format, sealed })?;
        let head = [MAGIC, &head[..], b"\n"].concat();
        out.write_all(&head)?;
        Ok(Self {
            out,
            key,
            at: u64::try_from(head.len()).unwrap_or(0),
            blocks: Vec::new(),
            directory: Vec::new(),
        })
    }

    /// The next block.
    ///
    /// # Errors
    /// `out`'s.
    pub fn push(&mut self, mut packet: Packet) -> io::Result<()> {
        let ordinal = to_u32(self.blocks.len())?;
        if let Some(key) = &self.key {
            key.seal(2 * u64::from(ordinal), &mut packet.records)?;
            key.seal(2 * u64::from(ordinal) + 1, &mut packet.text)?;
        }
        let head = head(ordinal, &packet)?;
        for part in [&head, &packet.records, &packet.text] {
            self.out.write_all(part)?;
        }
        self.blocks.push(self.at);
        self.directory
            .extend(packet.hashes.iter().map(|hash| (*hash, self.at)));
        let len = head.len() + packet.records.len() + packet.text.len();
        self.at += u64::try_from(len).unwrap_or(0);
        Ok(())
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.directory.len()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `out`'s.
    pub fn finish(mut self) -> io::Result<W> {
        self.directory.sort_unstable();
        for (hash, block) in &self.directory {
            self.out.write_all(&hash.to_le_bytes())?;
            self.out.write_all(&block.to_le_bytes())?;
        }
        let blocks: Vec<u8> = self.blocks.iter().flat_map(|at| at.to_le_bytes()).collect();
        self.out.write_all(&blocks)?;
        let mut trailer = b"DEND".to_vec();
        trailer.extend(to_u32(self.blocks.len())?.to_le_bytes());
        let calls = u64::try_from(self.directory.len()).unwrap_or(0);
        trailer.extend(calls.to_le_bytes());
        trailer.extend(self.at.to_le_bytes());
        trailer.extend(short(&blocks).to_le_bytes());
        trailer.extend(short(&trailer).to_le_bytes());
        self.out.write_all(&trailer)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn head(ordinal: u32, packet: &Packet) -> io::Result<Vec<u8>> {
    let mut head = b"BLOK".to_vec();
    let lens = [
        packet.records.len(),
        packet.text.len(),
        packet.raw_records,
        packet.raw_text,
    ];
    head.extend(ordinal.to_le_bytes());
    head.extend(packet.calls.to_le_bytes());
    for len in lens {
        head.extend(to_u32(len)?.to_le_bytes());
    }
    head.extend(short(&packet.records).to_le_bytes());
    head.extend(short(&packet.text).to_le_bytes());
    head.extend(short(&head).to_le_bytes());
    Ok(head)
}

fn to_u32(number: usize) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other("too large for an archive"))
}

/// What the directory knows a key by.
pub(super) fn key_hash(key: &str) -> u64 {
    short(key.as_bytes())
}
