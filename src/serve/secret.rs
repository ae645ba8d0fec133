//! Files with secrets: read only if nobody else can. Never shows what is in them.

use std::fs;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The administrator, to whom mounted secrets belong.
const ROOT: u32 = 0;

/// Why a file with a secret is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It could not be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Others could read or change it.
    #[error("`{path}` has mode {mode:o} and belongs to user {owner}: {hint}")]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        owner: u32,
        /// What to do.
        hint: &'static str,
    },
}

/// The bytes of a file that belongs to us, or to root, and that nobody else can read or change.
/// What belongs to root may be readable to its group: so a mounted secret comes.
pub fn read(path: &Path) -> Result<Vec<u8>, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.display().to_string(),
        source,
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if let Some(hint) = exposed(&metadata) {
        return Err(SecretError::Exposed {
            path: path.display().to_string(),
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
            hint,
        });
    }
    fs::read(path).map_err(unreadable)
}

fn exposed(metadata: &Metadata) -> Option<&'static str> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    // Who we are, where the system says it without a call of C.
    let us = fs::metadata("/proc/self").map_or(owner, |process| process.uid());
    if owner != us && owner != ROOT {
        return Some("it has to belong to the user of the service");
    }
    let mounted = owner == ROOT && us != ROOT;
    let others = if mounted { 0o037 } else { 0o077 };
    (mode & others != 0).then_some("`chmod 600` it")
}
