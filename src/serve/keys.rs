//! The keys that seal resume tokens, and those that seal journals and the store: files that only we can read,
//! made at the first start, so that a service that starts again goes on with its calls. Never shows
//! a key.
//!
//! One key a line, `<id> <64 hex digits>`; the first seals, all of them open. The files are read again
//! when they change. To rotate keys of several replicas: add a new line at the end, of all of them;
//! then move it to the top, of all of them. An old key of tokens may go an hour later; one of journals
//! when the last recording and the last row of the store that it sealed are gone.

use std::fs;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::digest::hex;
use crate::seal;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::secret;
use crate::serve::secret::SecretError;
use crate::token::MasterKey;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read, or others can read it.
    #[error("{0}")]
    Secret(#[from] SecretError),
    /// The file could not be made.
    #[error("cannot make the key file `{path}`: {source}")]
    Unusable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A line is not a key.
    #[error("{path}:{line}: a key is `<id> <64 hex digits>`, each id once")]
    Bad {
        /// The file.
        path: String,
        /// The line, from 1; 1 for an empty file.
        line: usize,
    },
}

/// The keys in the file, at least one; a file that is not there is made, with one random key.
pub fn load_or_create(path: &Path) -> Result<Vec<MasterKey>, KeyError> {
    if !path.exists() {
        create(path).map_err(|source| KeyError::Unusable {
            path: path.display().to_string(),
            source,
        })?;
    }
    load(path)
}

/// The keys in the file, at least one.
pub fn load(path: &Path) -> Result<Vec<MasterKey>, KeyError> {
    let text = secret::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let mut keys: Vec<MasterKey> = Vec::new();
    let bad = |line| KeyError::Bad {
        path: path.display().to_string(),
        line,
    };
    for (text, line) in text.lines().zip(1..) {
        let key = parse(text).filter(|key| keys.iter().all(|known| known.id != key.id));
        keys.push(key.ok_or_else(|| bad(line))?);
    }
    if keys.is_empty() {
        Err(bad(1))
    } else {
        Ok(keys)
    }
}

/// Written whole under another name, then linked: of two processes that start at once, one wins
/// and both read the same file.
fn create(path: &Path) -> io::Result<()> {
    let random: [u8; 36] = seal::random()?;
    let (id, secret) = random.split_at(4);
    let id = id
        .iter()
        .fold(0u32, |id, byte| (id << 8) | u32::from(*byte));
    let line = format!("{id} {}\n", hex(secret));
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let draft = path.with_extension(format!("{id:08x}.draft"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

/// The keys of recordings and of the store.
pub fn of_recordings(keys: Vec<MasterKey>) -> Keys {
    Keys::new(keys.into_iter().map(|key| (key.id, key.secret)))
}

/// The keys of a service, which has made them.
pub fn of_service(config: &Config) -> Result<Keys, KeyError> {
    load(&config.journal_keys()).map(of_recordings)
}

fn parse(line: &str) -> Option<MasterKey> {
    let (id, hex) = line.split_once(' ')?;
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let digits: Vec<u8> = hex
        .trim()
        .as_bytes()
        .iter()
        .map(digit)
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    let secret = bytes.try_into().ok().filter(|_| rest.is_empty())?;
    Some(MasterKey {
        id: id.parse().ok()?,
        secret,
    })
}
