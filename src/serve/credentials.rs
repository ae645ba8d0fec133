//! Certificates, keys and the back ends' token: read from their files at the start, and again
//! when the files change. What cannot be used is told, and what was used stays in use.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock;
use crate::gateway::Gateway;
use crate::gateway::tls;
use crate::gateway::tls::{Pem, Tls, TlsError};
use crate::lookup::Network;
use crate::metrics::Metrics;
use crate::network::TmForum;
use crate::seal::Keys;
use crate::serve::config::Config;
use crate::serve::keys;
use crate::serve::keys::KeyError;
use crate::serve::secret;
use crate::serve::secret::SecretError;
use crate::token::{MasterKey, TokenKeys};

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A setting that is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// A secret file.
    #[error("{0}")]
    Secret(#[from] SecretError),
    /// A file without secrets.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Certificates.
    #[error("the certificates of `gateway.certificate`, `key`, `clients` and `revoked`: {0}")]
    Tls(#[from] TlsError),
    /// Token keys.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// The token of the back ends.
    #[error("the file of `network.token` holds one line of ASCII")]
    Token,
}

/// What to say when nothing says how gateways are known.
const NO_CERTIFICATE: &str = "gateways are known by certificates: set `gateway.certificate`, \
    `gateway.key` and `gateway.clients`; or `gateway.plaintext = true`, on a loopback address only";
const NOT_LOOPBACK: &str =
    "`gateway.plaintext` is for loopback: elsewhere `gateway.listen` takes certificates only";
const TOKEN_IN_CLEAR: &str =
    "`network.token` is shown to back ends at https:// or on this machine only";

/// A certificate that ends within 14 days is told of.
const ENDS_SOON_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// The credentials in use, and where they are from.
pub(super) struct Credentials {
    certificates: Option<(CertificateFiles, Watched<Pem>)>,
    /// Whether it was told that ours ends soon.
    ends_soon: bool,
    keys: (PathBuf, Watched<Vec<MasterKey>>),
    sealing: (PathBuf, Watched<Vec<MasterKey>>, Keys),
    token: Option<(PathBuf, Watched<String>)>,
}

struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    clients: PathBuf,
    revoked: Option<PathBuf>,
}

impl CertificateFiles {
    fn of(config: &Config) -> Result<Option<Self>, CredentialError> {
        let set = |path: &crate::serve::forms::Optional<PathBuf>| path.0.clone();
        let files = (
            set(&config.certificate),
            set(&config.key),
            set(&config.clients),
        );
        match files {
            (Some(certificate), Some(key), Some(clients)) if !config.plaintext => Ok(Some(Self {
                certificate,
                key,
                clients,
                revoked: set(&config.revoked),
            })),
            _ if !config.plaintext => Err(CredentialError::Missing(NO_CERTIFICATE)),
            _ if config.listen.ip().is_loopback() => Ok(None),
            _ => Err(CredentialError::Missing(NOT_LOOPBACK)),
        }
    }

    fn read(&self) -> Result<Pem, CredentialError> {
        Ok(Pem {
            certificate: open(&self.certificate)?,
            key: secret::read(&self.key)?,
            clients: open(&self.clients)?,
            revoked: self.revoked.as_deref().map(open).transpose()?,
        })
    }
}

/// The bytes of a file that is no secret.
pub(super) fn open(path: &Path) -> Result<Vec<u8>, CredentialError> {
    fs::read(path).map_err(|source| CredentialError::Unreadable {
        path: path.display().to_string(),
        source,
    })
}

fn token(path: &Path) -> Result<String, CredentialError> {
    let text = String::from_utf8(secret::read(path)?).map_err(|_| CredentialError::Token)?;
    let token = text.trim();
    let plain = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    plain
        .then(|| token.to_owned())
        .ok_or(CredentialError::Token)
}

/// What a file held when it was last good.
struct Watched<T> {
    what: &'static str,
    used: T,
    /// What is wrong with the file now; told once.
    wrong: Option<String>,
}

impl<T: PartialEq> Watched<T> {
    const fn new(what: &'static str, used: T) -> Self {
        Self {
            what,
            used,
            wrong: None,
        }
    }

    fn look(
        &mut self,
        found: Result<T, CredentialError>,
        metrics: &Metrics,
        put_in_use: impl FnOnce(&T) -> Result<(), CredentialError>,
    ) {
        let what = self.what;
        let done = found.and_then(|found| {
            if found != self.used {
                put_in_use(&found)?;
                tracing::info!(what, "replaced");
                self.used = found;
            }
            Ok(())
        });
        let wrong = done.err().map(|error| error.to_string());
        if let Some(wrong) = wrong
            .as_ref()
            .filter(|wrong| self.wrong.as_ref() != Some(wrong))
        {
            tracing::error!(what, wrong, "cannot be replaced: the old ones stay in use");
            metrics.reload_failed(what);
        }
        self.wrong = wrong;
    }
}

const KEY_IN_USE: &str = "the key that seals now is not among them: put a new one above it, and take it away \
                          when nothing is left that it sealed";

/// What a service is made with.
pub(super) struct Made {
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) keys: TokenKeys,
    /// What recordings and the store are sealed with.
    pub(super) sealing: Keys,
}

impl Credentials {
    /// Reads all of them; all have to be good.
    pub(super) fn load(
        config: &Config,
        network: &TmForum,
    ) -> Result<(Self, Made), CredentialError> {
        let (mut tls, mut certificates) = (None, None);
        if let Some(files) = CertificateFiles::of(config)? {
            let pem = files.read()?;
            tls = Some(Arc::new(Tls::new(&pem)?));
            certificates = Some((files, Watched::new("certificates", pem)));
        }
        let path = config.token_keys();
        let used = keys::load_or_create(&path)?;
        let keys = TokenKeys::new(used.clone()).ok_or(CredentialError::Missing("no token key"))?;
        let journal_keys = config.journal_keys();
        let journals = keys::load_or_create(&journal_keys)?;
        let sealing = keys::of_recordings(journals.clone());
        let watched = Watched::new("journal keys", journals);
        let shown = show_token(config, network)?;
        let back_ends = shown.map(|(path, used)| (path, Watched::new("back end token", used)));
        let credentials = Self {
            certificates,
            ends_soon: false,
            keys: (path, Watched::new("token keys", used)),
            sealing: (journal_keys, watched, sealing.clone()),
            token: back_ends,
        };
        Ok((credentials, Made { tls, keys, sealing }))
    }

    /// Looks at the files again; whether others seal recordings and the store from now on.
    pub(super) fn look<N: Network>(
        &mut self,
        tls: Option<&Tls>,
        gateway: &Gateway<N>,
        network: &TmForum,
        metrics: &Metrics,
    ) -> bool {
        if let (Some((files, watched)), Some(tls)) = (&mut self.certificates, tls) {
            watched.look(files.read(), metrics, |pem| Ok(tls.replace(pem)?));
        }
        self.tell_of_end(metrics);
        let (path, watched) = &mut self.keys;
        let found = keys::load(path).map_err(CredentialError::from);
        watched.look(found, metrics, |keys| {
            gateway.replace_keys(
                TokenKeys::new(keys.clone()).ok_or(CredentialError::Missing("no token key"))?,
            );
            Ok(())
        });
        if let Some((path, watched)) = &mut self.token {
            watched.look(token(path), metrics, |token| show(network, token));
        }
        let (path, watched, sealing) = &mut self.sealing;
        let found = keys::load(path).map_err(CredentialError::from);
        let mut replaced = false;
        let in_use = watched.used.first().cloned();
        watched.look(found, metrics, |keys| {
            // What was sealed until now would be lost.
            if in_use.is_some_and(|in_use| !keys.contains(&in_use)) {
                return Err(CredentialError::Missing(KEY_IN_USE));
            }
            sealing.replace(keys.iter().map(|key| (key.id, key.secret)));
            replaced = true;
            Ok(())
        });
        replaced
    }

    /// Counts when our certificate ends, and tells once that it does so soon.
    fn tell_of_end(&mut self, metrics: &Metrics) {
        let Some((_, watched)) = &self.certificates else {
            return;
        };
        let Some(at) = tls::ends(&watched.used) else {
            return;
        };
        metrics.certificate_ends(watched.what, at.unix_ms() / 1000);
        let left = at.unix_ms().saturating_sub(clock::now().unix_ms());
        let ends_soon = left < ENDS_SOON_MS;
        if ends_soon && !self.ends_soon {
            let (what, at) = (watched.what, at.to_rfc3339());
            tracing::error!(what, at, "ends within 14 days: no gateway can dial in then");
        }
        self.ends_soon = ends_soon;
    }
}

/// Shows the back ends our token, if there is one: its file, and what it is.
pub(super) fn show_token(
    config: &Config,
    network: &TmForum,
) -> Result<Option<(PathBuf, String)>, CredentialError> {
    let Some(path) = &config.token.0 else {
        return Ok(None);
    };
    if !config.root.is_private() {
        return Err(CredentialError::Missing(TOKEN_IN_CLEAR));
    }
    let used = token(path)?;
    show(network, &used)?;
    Ok(Some((path.clone(), used)))
}

fn show(network: &TmForum, token: &str) -> Result<(), CredentialError> {
    let shown = network.replace_token(token);
    shown.then_some(()).ok_or(CredentialError::Token)
}
