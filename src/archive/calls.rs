//! Lines into calls: where one begins and ends, which segments belong together. A call with a line
//! that cannot be read is told and not read; the next one is.

use std::sync::Arc;

use crate::archive::{Fault, MAX_CALL, Place, Recorded};
use crate::journal::Entry;
use crate::journal::cdr::join;
use crate::journal::known::Known;
use crate::journal::reader::{Line, ReadError};

/// Who is given the calls.
pub(super) type Take<'a> = &'a mut dyn FnMut(Result<Recorded, Fault>);

/// Gives the calls in lines, in order.
pub(super) struct Split<'a> {
    known: &'a mut Known,
    calls: Take<'a>,
    call: Option<Call>,
    /// What comes until the next header belongs to nothing that can be read.
    lost: bool,
}

/// Entries of a usual call.
const USUAL: usize = 48;

/// A segment that begins with that.
fn first(entry: Entry) -> Vec<Entry> {
    let mut segment = Vec::with_capacity(USUAL);
    segment.push(entry);
    segment
}

struct Call {
    key: String,
    place: Place,
    resume: u32,
    bytes: usize,
    segments: Vec<Vec<Entry>>,
}

impl<'a> Split<'a> {
    pub(super) fn new(known: &'a mut Known, calls: Take<'a>) -> Self {
        Self {
            known,
            calls,
            call: None,
            lost: false,
        }
    }

    /// The next line, and the file that it stands in.
    pub(super) fn take(&mut self, path: &Arc<str>, line: Result<Line<'_>, ReadError>) {
        let line = match line {
            Ok(line) => line,
            Err(error) => return self.fault(error),
        };
        if self.lost && !line.is_header() {
            return;
        }
        match self.known.entry(path, &line) {
            // The writer died over its last line.
            Err(_) if line.torn => {}
            // A line of another call, or of none, is no fault of the call before it.
            Err(error) if line.is_header() => {
                self.finish();
                self.fault(error);
            }
            Err(error) => self.fault(error),
            Ok(Entry::Header(header)) => {
                let key = header.offer.call_key.to_string();
                let resume = header.resume;
                let entry = Entry::Header(header);
                match &mut self.call {
                    Some(call) if call.key == key && resume > call.resume => {
                        call.resume = resume;
                        call.segments.push(vec![entry]);
                    }
                    // The rest of a call that cannot be read.
                    None if self.lost && resume > 0 => {}
                    Some(_) | None => {
                        self.finish();
                        self.lost = false;
                        let place = Place {
                            file: Arc::clone(path),
                            line: line.number,
                            block: None,
                        };
                        self.call = Some(Call {
                            key,
                            place,
                            resume,
                            bytes: 0,
                            segments: vec![first(entry)],
                        });
                    }
                }
            }
            Ok(entry) => self.entry(path, &line, entry),
        }
    }

    fn entry(&mut self, path: &str, line: &Line<'_>, entry: Entry) {
        let bad = |why: &str| ReadError::Bad {
            path: path.to_owned(),
            line: line.number,
            why: why.to_owned(),
        };
        let Some(call) = &mut self.call else {
            return self.fault(bad("a journal begins with a header"));
        };
        call.bytes = call.bytes.saturating_add(line.text.len());
        if call.bytes > MAX_CALL {
            return self.fault(bad("the call has more lines than any call"));
        }
        if let Some(segment) = call.segments.last_mut() {
            segment.push(entry);
        }
    }

    /// Gives the call up; only the first of what is wrong with it is told.
    fn fault(&mut self, error: ReadError) {
        let call = self.call.take();
        if call.is_some() || !self.lost {
            let call = call.map(|call| call.key);
            (self.calls)(Err(Fault::Journal { call, error }));
        }
        self.lost = true;
    }

    /// After the last line, and before a call that begins.
    pub(super) fn finish(&mut self) {
        if let Some(call) = self.call.take() {
            (self.calls)(Ok(Recorded {
                place: call.place,
                entries: join(call.segments),
            }));
        }
    }
}
