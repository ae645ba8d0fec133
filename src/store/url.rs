//! Where a store is: `sqlite:` and a path, or `postgres://…`. May hold a password: never shown.

use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The URL of a store. `Debug` and `Display` hide a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// `None` unless it is `sqlite:` and a path, or begins with `postgres://` or `postgresql://`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.chars().all(|c| !c.is_control());
        let rest = text
            .strip_prefix("sqlite:")
            .or_else(|| text.strip_prefix("postgres://"))
            .or_else(|| text.strip_prefix("postgresql://"))?;
        (plain && !rest.is_empty() && !rest.starts_with(":memory:")).then(|| Self(text.to_owned()))
    }

    /// A SQLite file.
    pub fn sqlite(path: &Path) -> Self {
        Self(format!("sqlite:{}", path.display()))
    }

    /// The path of the file, if it is SQLite.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite:")?;
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }

    /// The whole URL.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// A path as the engine's URL: what means something there is escaped.
pub(super) fn of_file(path: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match char::from(*byte) {
            plain @ ('A'..='Z' | 'a'..='z' | '0'..='9' | '/' | '.' | '_' | '-') => url.push(plain),
            _ => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, rest)) if scheme != "sqlite" => {
                let (authority, _) = rest.split_once('?').unwrap_or((rest, ""));
                match authority.rsplit_once('@') {
                    Some((_, host)) => write!(f, "{scheme}://***@{host}"),
                    None => write!(f, "{scheme}://{authority}"),
                }
            }
            Some(_) | None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
