//! The audio of a bundle. Each file is read and compared with the manifest when the bundle is loaded, and
//! again when somebody wants its sound: calls only ever need its length and its hash, and 40 MB of
//! sound would lie in the memory of each service for the one fetch of a gateway that starts. Trusts
//! the manifest and the hashes; `dana prompts check` measures.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::io::ErrorKind::InvalidData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::manifest::{self, Entry, Manifest, Origin};
use crate::audio::wav;
use crate::call::Locale;
use crate::digest::sha256;
use crate::problem::{Problem, Problems, Source};
use crate::prompt::Recorded;
use crate::prompt::catalog::{Catalog, Clip};

/// Clips of every locale.
#[derive(Debug, Default)]
pub struct Library {
    clips: BTreeMap<Locale, BTreeMap<Arc<str>, Audio>>,
    /// The manifests, as they were read.
    pub manifests: Vec<Arc<Source>>,
}

/// One clip's audio.
#[derive(Clone, Debug)]
pub struct Audio {
    /// Its line in the manifest.
    pub entry: Entry,
    /// Its file.
    path: PathBuf,
}

impl Audio {
    /// Its samples, little-endian, read and compared anew. It waits for the disk.
    ///
    /// # Errors
    /// `NotFound` or `InvalidData`: this is not the file that the manifest knows any more.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut wav = file(&self.path, &self.entry)?;
        wav.drain(..wav::HEADER.min(wav.len()));
        Ok(wav)
    }

    /// Its samples, as [`bytes`](Self::bytes).
    ///
    /// # Errors
    /// The same.
    pub fn samples(&self) -> io::Result<Vec<i16>> {
        self.bytes().map(|bytes| wav::samples(&bytes))
    }
}

/// Folder of a locale's audio, below the bundle's.
pub fn folder(bundle: &Path, locale: Locale) -> PathBuf {
    bundle.join("audio").join(locale.as_str())
}

impl Library {
    /// Reads `audio/` below `bundle` and tells the catalog what its clips sound like. A clip with a
    /// problem has no audio, and its text is played by synthesis: never a wrong word, never silence.
    pub fn load(bundle: &Path, catalog: &mut Catalog) -> (Self, Problems) {
        let mut library = Self::default();
        let mut problems = Problems::default();
        for &locale in Locale::ALL {
            let folder = folder(bundle, locale);
            let shown = folder
                .strip_prefix(".")
                .unwrap_or(&folder)
                .join(manifest::FILE);
            let text = fs::read_to_string(folder.join(manifest::FILE));
            let source = Source::new(shown.display().to_string(), text.as_deref().unwrap_or(""));
            library.manifests.push(Arc::clone(&source));
            if let Err(error) = text {
                let problem = source.problem(0..0, format!("`{locale}` has no audio: {error}"));
                let hint = format!("dana prompts render --locale {locale}");
                problems.push(problem.hint(hint));
                continue;
            }
            let manifest = Manifest::read(source, &mut problems);
            let clips = read(&folder, locale, catalog, &manifest, &mut problems);
            unused(&folder, catalog, locale, &manifest, &mut problems);
            let recorded = clips.values().map(|audio| {
                let Entry {
                    id,
                    sha256,
                    duration_ms,
                    ..
                } = &audio.entry;
                let recorded = Recorded {
                    sha256: Arc::clone(sha256),
                    duration_ms: *duration_ms,
                };
                (Arc::clone(id), recorded)
            });
            catalog.record(locale, recorded);
            library.clips.insert(locale, clips);
        }
        (library, problems)
    }

    /// The audio of a clip.
    pub fn get(&self, locale: Locale, id: &str) -> Option<&Audio> {
        self.clips.get(&locale)?.get(id)
    }

    /// How many clips of a locale come from where.
    pub fn origins(&self, locale: Locale) -> BTreeMap<Origin, usize> {
        let mut counts = BTreeMap::new();
        for audio in self
            .clips
            .get(&locale)
            .into_iter()
            .flat_map(BTreeMap::values)
        {
            *counts.entry(audio.entry.source).or_insert(0) += 1;
        }
        counts
    }

    /// What people who start Dana must know: which locale still speaks with a voice that only holds
    /// the place of a recording.
    pub fn placeholders(&self) -> Vec<String> {
        let told = |&locale: &Locale| {
            let count = *self.origins(locale).get(&Origin::Placeholder)?;
            Some(format!(
                "the voice of `{locale}` is a placeholder ({count} clips): record it, then `dana prompts import`"
            ))
        };
        Locale::ALL.iter().filter_map(told).collect()
    }
}

fn read(
    folder: &Path,
    locale: Locale,
    catalog: &Catalog,
    manifest: &Manifest,
    problems: &mut Problems,
) -> BTreeMap<Arc<str>, Audio> {
    let mut clips = BTreeMap::new();
    let hint = format!("dana prompts render --locale {locale}");
    for clip in catalog.clips(locale) {
        let Some((span, entry)) = manifest.entries.get(&clip.id) else {
            let problem = clip.problem(format!("`{}` has no audio in `{locale}`", clip.id));
            problems.push(problem.hint(hint.clone()));
            continue;
        };
        if !entry.says(clip) {
            let title = format!(
                "the text of `{}` changed after its audio in `{locale}`",
                clip.id
            );
            problems.push(clip.problem(title).hint(hint.clone()));
            continue;
        }
        let path = folder.join(format!("{}.wav", clip.id));
        match file(&path, entry) {
            Ok(_) => {
                let entry = entry.clone();
                clips.insert(Arc::clone(&clip.id), Audio { entry, path });
            }
            Err(wrong) => {
                let title = format!("audio/{locale}/{}.wav: {wrong}", clip.id);
                let problem = manifest.source.problem(span.clone(), title);
                problems.push(problem.hint(format!("{hint}, or import a recording")));
            }
        }
    }
    clips
}

/// The file of a clip that is what the manifest says.
fn file(path: &Path, entry: &Entry) -> io::Result<Vec<u8>> {
    let bytes = read_file(path)?;
    wav::clip(&bytes).map_err(|error| io::Error::new(InvalidData, error))?;
    if sha256(&bytes) != *entry.sha256 {
        let other = "it is another file than the manifest knows: import it";
        return Err(io::Error::new(InvalidData, other));
    }
    Ok(bytes)
}

/// A plain file of a size that can be sound; no link leads out of the folder.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    if found.len() > wav::LARGEST {
        return Err(io::Error::other("it is too large to be a clip"));
    }
    fs::read(path)
}

/// Lines and files that nothing says.
fn unused(
    folder: &Path,
    catalog: &Catalog,
    locale: Locale,
    manifest: &Manifest,
    problems: &mut Problems,
) {
    let hint = "`dana prompts render` removes it, if it rendered it";
    for (id, (span, _)) in &manifest.entries {
        if catalog.clip(locale, id).is_none() {
            let problem = manifest
                .source
                .problem(span.clone(), format!("nothing says `{id}`"));
            problems.push(problem.hint(hint));
        }
    }
    for name in files(folder) {
        let id = name.strip_suffix(".wav").unwrap_or("");
        if !manifest.entries.contains_key(id) && name != manifest::FILE {
            let title = format!("`{name}` is not in the manifest");
            problems.push(
                manifest
                    .source
                    .problem(0..0, title)
                    .hint("import it or remove it"),
            );
        }
    }
}

/// The names in a folder, sorted.
pub fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// A problem of a clip's file, where its text stands.
pub fn fault(clip: &Clip, locale: Locale, wrong: &str) -> Problem {
    clip.problem(format!("audio/{locale}/{}.wav: {wrong}", clip.id))
}
