//! A bundle: flow, grammars, prompts, audio and limits that belong together, under one content hash.

use std::fs::File;
use std::io::ErrorKind::InvalidData;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use crate::audio::library::Library;
use crate::call::Locale;
use crate::digest::hex;
use crate::flow::Flow;
use crate::flow::load;
use crate::flow::rules;
use crate::flow::rules::Rule;
use crate::problem::{Problems, Source};
use crate::prompt::catalog::Catalog;
use crate::understanding::{self, Grammars};

/// The flow's file, below the bundle's folder.
const FLOW: &str = "flows/dana.toml";
/// The rules that it must keep.
const RULES: &str = "flows/dana.rules.toml";
/// What callers said and what it meant, below the bundle's folder.
pub const EXAMPLES: &str = "grammars/examples.tsv";
/// What was learnt from it.
pub const WEIGHTS: &str = "grammars/weights.bin";

/// Largest file of a bundle: ten times the examples and weights of today. What is larger is not read whole.
const MAX_BYTES: u64 = 32 << 20;

/// What calls, tokens and recordings refer to by its hash. A call keeps its bundle to the end.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The flow.
    pub flow: Arc<Flow>,
    /// The rules of the flow.
    pub rules: Arc<[Rule]>,
    /// The prompts.
    pub catalog: Arc<Catalog>,
    /// The grammars.
    pub grammars: Arc<Grammars>,
    /// The audio of the prompts.
    pub audio: Arc<Library>,
    /// What is wrong with the audio. A clip with a problem is played by synthesis from its text, so
    /// that calls go on while a changed text waits for its voice; `dana check` does not pass.
    pub audio_problems: Problems,
    /// The files of flow and rules, for what points at a place in them.
    pub sources: [Arc<Source>; 2],
    /// First 16 bytes of the SHA-256 over all files, lower-case hex.
    pub hash: Arc<str>,
}

/// Why a bundle could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file could not be read.
    #[error(
        "cannot read `{path}`: {source}\n\nhint: a bundle is a folder with flows/, grammars/ and prompts/: name that one"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file has more bytes than any that we could have written.
    #[error("`{path}` is larger than {MAX_BYTES} bytes\n\nhint: take some out")]
    TooLarge {
        /// The file.
        path: String,
    },
    /// Files with problems.
    #[error("{0}")]
    Problems(Problems),
}

impl Bundle {
    /// Reads `flows/dana.toml`, `grammars/`, `prompts/` and `audio/` below `folder`. All but the audio
    /// is loaded whole or not at all. The
    /// problems of all files come at once; those of the flow's names only when the prompts are
    /// whole, as half a catalog would make problems that are none.
    pub fn load(folder: &Path) -> Result<Arc<Self>, BundleError> {
        let flow_file = read(folder, FLOW)?;
        let rules_file = read(folder, RULES)?;
        let prompts = per_locale(folder, "prompts")?;
        let grammar_files = grammars(folder)?;
        let examples = examples(folder)?;
        let weights = bytes(folder, WEIGHTS)?;
        let mut problems = Problems::default();
        let mut keep = |found: Problems| problems.extend(found);
        let grammars = Grammars::load(&grammar_files, Some((&examples, &weights)));
        let grammars = grammars.map_err(&mut keep).ok();
        let mut catalog = Catalog::load(&prompts).map_err(&mut keep).ok();
        let (audio, audio_problems) = match &mut catalog {
            Some(catalog) => Library::load(folder, catalog),
            None => Default::default(),
        };
        let sources = [&flow_file, &rules_file]
            .into_iter()
            .chain(prompts.iter().map(|(_, source)| source))
            .chain(grammar_files.iter().map(|(_, source)| source))
            .chain(&audio.manifests);
        let sources = sources.map(|source| (source.path.as_str(), source.text.as_bytes()));
        let hash = hash(sources.chain([(WEIGHTS, weights.as_slice())]));
        let flow = if let Some(catalog) = &catalog {
            load::load(&flow_file, catalog).map_err(&mut keep).ok()
        } else {
            keep(load::problems(&flow_file));
            None
        };
        let rules = (flow.as_ref().zip(catalog.as_ref())).and_then(|(flow, catalog)| {
            rules::load(&rules_file, flow, catalog)
                .map_err(&mut keep)
                .ok()
        });
        match (flow, rules, catalog, grammars) {
            (Some(flow), Some(rules), Some(catalog), Some(grammars)) => Ok(Arc::new(Self {
                flow: Arc::new(flow),
                rules: rules.into(),
                catalog: Arc::new(catalog),
                grammars: Arc::new(grammars),
                audio: Arc::new(audio),
                audio_problems,
                sources: [flow_file, rules_file],
                hash,
            })),
            _ => Err(BundleError::Problems(problems)),
        }
    }
}

/// The grammar that all languages share, then theirs.
fn grammars(folder: &Path) -> Result<Vec<understanding::File>, BundleError> {
    let shared = (None, read(folder, "grammars/shared.toml")?);
    let own = per_locale(folder, "grammars")?;
    let own = own
        .into_iter()
        .map(|(locale, source)| (Some(locale), source));
    Ok([shared].into_iter().chain(own).collect())
}

fn per_locale(folder: &Path, room: &str) -> Result<Vec<(Locale, Arc<Source>)>, BundleError> {
    let file = |&locale: &Locale| Ok((locale, read(folder, &format!("{room}/{locale}.toml"))?));
    Locale::ALL.iter().map(file).collect()
}

/// What callers said and what it meant.
pub fn examples(folder: &Path) -> Result<Arc<Source>, BundleError> {
    read(folder, EXAMPLES)
}

fn read(folder: &Path, name: &str) -> Result<Arc<Source>, BundleError> {
    let path = folder.join(name);
    let text = String::from_utf8(bytes(folder, name)?)
        .map_err(|error| unreadable(&path, std::io::Error::new(InvalidData, error)))?;
    Ok(Source::new(shown(&path), text))
}

fn bytes(folder: &Path, name: &str) -> Result<Vec<u8>, BundleError> {
    let path = folder.join(name);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(&path, source))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        let path = shown(&path);
        return Err(BundleError::TooLarge { path });
    }
    Ok(bytes)
}

fn unreadable(path: &Path, source: std::io::Error) -> BundleError {
    BundleError::Unreadable {
        path: shown(path),
        source,
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// Over name, length and bytes of each file, in a fixed order; where the folder is does not count.
fn hash<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Arc<str> {
    let mut context = Context::new(&SHA256);
    for (path, bytes) in files {
        let name = Path::new(path).file_name().unwrap_or_default();
        context.update(name.as_encoded_bytes());
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    }
    let digest = context.finish();
    hex(digest.as_ref().get(..16).unwrap_or_default()).into()
}
