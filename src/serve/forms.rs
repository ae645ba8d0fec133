//! How values stand in the configuration file and in the environment: what they are for people, how
//! they are read, how they are shown without secrets.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::serve::config::{Clock, LogFormat, LogLevel};
use crate::store::StoreUrl;

/// How a type stands in the file and in the environment.
pub trait Form: Sized {
    /// What it is, after "`key` is".
    const WHAT: &'static str;
    /// `None` if it is not that.
    fn read(text: &str) -> Option<Self>;
    /// What `read` reads, without secrets.
    fn show(&self) -> String;
}

macro_rules! forms {
    ($($type:ty, $what:literal;)+) => {$(
        impl Form for $type {
            const WHAT: &'static str = $what;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

forms! {
    SocketAddr, "an address and a port, like 127.0.0.1:50051";
    NonZeroU32, "a whole number, 1 or more";
    u16, "a whole number from 0 to 65535";
    bool, "true or false";
    Clock, "server or gateway";
    LogLevel, "error, warn, info, debug or trace";
    LogFormat, "text or json";
}

impl Form for StoreUrl {
    const WHAT: &'static str = "sqlite:PATH or a URL that begins with postgres://";
    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Form for PathBuf {
    const WHAT: &'static str = "a path";
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
}

/// A value, or nothing: an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T: Form> Form for Optional<T> {
    const WHAT: &'static str = T::WHAT;
    fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        T::read(text).map(|value| Self(Some(value)))
    }
    fn show(&self) -> String {
        self.0.as_ref().map(T::show).unwrap_or_default()
    }
}

/// The root URL of a back end, without a slash at its end. May hold a password: masked in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Root(String);

impl Root {
    /// The whole URL.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nobody between can read what is sent there.
    pub fn is_private(&self) -> bool {
        let Some(rest) = self.0.strip_prefix("http://") else {
            return true;
        };
        let host = rest.split('/').next().unwrap_or(rest);
        let host = host.rsplit('@').next().unwrap_or(host);
        let address = host.parse::<SocketAddr>();
        address.is_ok_and(|at| at.ip().is_loopback()) || host.starts_with("localhost:")
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.show())
    }
}

impl Form for Root {
    const WHAT: &'static str = "a URL that begins with http:// or https://";
    fn read(text: &str) -> Option<Self> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))?;
        let fits = !rest.starts_with('/') && !rest.is_empty();
        let plain = rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
        (fits && plain).then(|| Self(text.trim_end_matches('/').to_owned()))
    }
    fn show(&self) -> String {
        match self
            .0
            .split_once("://")
            .map(|(s, rest)| (s, rest.rsplit_once('@')))
        {
            Some((scheme, Some((_, host)))) => format!("{scheme}://***@{host}"),
            Some((_, None)) | None => self.0.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_is_what_nobody_between_can_read() {
        let is_private = |url: &str| Root::read(url).map(|root| root.is_private());
        for url in [
            "https://tickets.example",
            "http://127.0.0.1:8621",
            "http://user:word@127.0.0.1:8621/root",
            "http://localhost:8621",
        ] {
            assert_eq!(is_private(url), Some(true), "{url}");
        }
        for url in [
            "http://tickets.example",
            "http://tickets.example/@127.0.0.1:80",
            "http://127.0.0.1:80@tickets.example",
        ] {
            assert_eq!(is_private(url), Some(false), "{url}");
        }
    }
}
