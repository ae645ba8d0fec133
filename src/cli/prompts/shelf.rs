//! The audio folder of one locale, to put clips on: files first, then the manifest, at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::library;
use crate::audio::manifest::{self, Entry, Manifest};
use crate::audio::measure::{faults, measure};
use crate::audio::wav;
use crate::call::Locale;
use crate::cli::out::{self, Exit};
use crate::digest::sha256;
use crate::problem::{Problems, Source};
use crate::prompt::catalog::Clip;

/// One locale's folder and what its manifest says.
pub(super) struct Shelf {
    folder: PathBuf,
    pub(super) entries: BTreeMap<Arc<str>, Entry>,
}

impl Shelf {
    /// Opens it; a folder that is not there yet is made. Lines of the manifest that cannot be read
    /// are said and lost: what they tell is made again.
    pub(super) fn open(bundle: &Path, locale: Locale) -> Result<Self, Exit> {
        let folder = library::folder(bundle, locale);
        fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
        let path = folder.join(manifest::FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(cannot(&path, &error)),
        };
        let mut problems = Problems::default();
        let source = Source::new(path.display().to_string(), text);
        let manifest = Manifest::read(source, &mut problems);
        if !problems.is_empty() {
            out::talk(&problems.to_string());
        }
        let entries = manifest.entries.into_iter();
        let entries = entries.map(|(id, (_, entry))| (id, entry)).collect();
        Ok(Self { folder, entries })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a clip's file is.
    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.wav"))
    }

    /// Puts a clip there; `by` tells where it comes from, the rest is measured. A clip that is not
    /// good is refused, with all that is wrong with it.
    pub(super) fn put(&mut self, clip: &Clip, samples: &[i16], by: Entry) -> Result<u32, Refused> {
        let measures = measure(samples);
        let faults = faults(&measures, &clip.spoken);
        if !faults.is_empty() {
            return Err(Refused::Clip(faults.join("; ")));
        }
        let bytes = wav::write(samples);
        let path = self.path(&clip.id);
        fs::write(&path, &bytes).map_err(|error| Refused::Folder(cannot(&path, &error)))?;
        let entry = Entry {
            id: Arc::clone(&clip.id),
            text_sha256: sha256(clip.spoken.as_bytes()),
            duration_ms: measures.duration_ms,
            lufs: (measures.lufs.unwrap_or_default() * 10.0).round() / 10.0,
            sha256: sha256(&bytes).into(),
            ..by
        };
        self.entries.insert(Arc::clone(&clip.id), entry);
        Ok(measures.duration_ms)
    }

    /// Takes a clip away.
    pub(super) fn remove(&mut self, id: &str) -> Result<(), Exit> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(cannot(&path, &error));
            }
            Ok(()) | Err(_) => {}
        }
        self.entries.remove(id);
        Ok(())
    }

    /// Writes the manifest: the old one stands until the new one is whole.
    pub(super) fn close(self) -> Result<(), Exit> {
        let path = self.folder.join(manifest::FILE);
        let draft = self.folder.join("manifest.tmp");
        let text = manifest::write(self.entries.values());
        fs::write(&draft, text).map_err(|error| cannot(&draft, &error))?;
        fs::rename(&draft, &path).map_err(|error| cannot(&path, &error))
    }
}

/// Why a clip was not put.
pub(super) enum Refused {
    /// What is wrong with it.
    Clip(String),
    /// The folder cannot be written.
    Folder(Exit),
}

fn cannot(path: &Path, error: &std::io::Error) -> Exit {
    out::talk(&format!("error: {}: {error}", path.display()));
    Exit::Environment
}
