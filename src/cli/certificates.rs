//! `--authorities`, `--certificate`, `--key`: the same for every command that calls a service which
//! runs elsewhere, as a gateway does.

use std::fs;
use std::path::{Path, PathBuf};

use crate::client::target::{Certificates, Target, TargetError};
use crate::serve::secret;

/// What is shown to a service at `https://host:port`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Shown {
    /// PEM file of the authorities that certify a service at https://.
    #[arg(long, value_name = "FILE", requires_all = ["certificate", "key"])]
    authorities: Option<PathBuf>,
    /// PEM file of our certificate, as a gateway of that service, and those between it and its root.
    #[arg(long, value_name = "FILE", requires_all = ["authorities", "key"])]
    certificate: Option<PathBuf>,
    /// PEM file of its private key, mode 0600.
    #[arg(long, value_name = "FILE", requires_all = ["authorities", "certificate"])]
    key: Option<PathBuf>,
}

impl Shown {
    /// The service at `url`; what is wrong with the URL or the files.
    pub(super) fn at(&self, url: &str) -> Result<Target, String> {
        Target::at(url, self.read()?.as_ref()).map_err(|error| error.to_string())
    }

    /// The same, if there is one to be called.
    pub(super) fn to(&self, url: Option<&str>) -> Result<Option<Target>, String> {
        match url {
            Some(url) => self.at(url).map(Some),
            None if self.read()?.is_some() => Err(TargetError::Unused.to_string()),
            None => Ok(None),
        }
    }

    fn read(&self) -> Result<Option<Certificates>, String> {
        let (Some(authorities), Some(certificate), Some(key)) =
            (&self.authorities, &self.certificate, &self.key)
        else {
            return Ok(None);
        };
        Ok(Some(Certificates {
            authorities: open(authorities)?,
            certificate: open(certificate)?,
            key: secret::read(key).map_err(|error| error.to_string())?,
        }))
    }
}

fn open(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
