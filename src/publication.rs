//! Bundles in the store: packed as one blob under their hash, unpacked into a folder of this machine,
//! and followed, so that every replica takes the newest for its new calls. A bundle that does not
//! load whole, or that is not what its hash says, replaces none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use crate::bundle::{Bundle, BundleError};
use crate::shelf::Shelf;
use crate::store::{Publication, Store, StoreError};

/// The folders of a bundle.
const ROOMS: [&str; 4] = ["flows", "grammars", "prompts", "audio"];
/// Largest bundle: ours has some 40 MB.
const MAX_BYTES: u64 = 512 << 20;
/// Between two looks for a newer publication.
const EVERY: Duration = Duration::from_secs(3);
/// A bundle is kept for so long after others came in its place: calls that go on with it last an hour
/// at most, but a replica that the store is away for takes new ones on it.
const KEEP: Duration = Duration::from_hours(24);
/// Between two looks for what nobody needs any more.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// Publications looked back at by a rollback.
const LOOK_BACK: u32 = 50;

/// Why a bundle was not packed, published or taken.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// Its files.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not as a bundle should be.
    #[error("{0}")]
    Unfit(String),
    /// It does not load.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
}

fn at(path: &Path) -> impl Fn(io::Error) -> PublicationError {
    let path = path.display().to_string();
    move |source| PublicationError::Io {
        path: path.clone(),
        source,
    }
}

/// All files of the bundle below `folder`, as one blob.
pub fn pack(folder: &Path) -> Result<Vec<u8>, PublicationError> {
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = ROOMS.iter().map(PathBuf::from).collect();
    while let Some(room) = folders.pop() {
        let path = folder.join(&room);
        for entry in fs::read_dir(&path).map_err(at(&path))? {
            let entry = entry.map_err(at(&path))?;
            let (kind, name) = (
                entry.file_type().map_err(at(&path))?,
                room.join(entry.file_name()),
            );
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                let content = fs::read(entry.path()).map_err(at(&entry.path()))?;
                bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
                files.insert(name.to_string_lossy().into_owned(), content);
            }
            if bytes > MAX_BYTES {
                let why = format!("{}: more than {MAX_BYTES} bytes", folder.display());
                return Err(PublicationError::Unfit(why));
            }
        }
    }
    postcard::to_stdvec(&files).map_err(|error| PublicationError::Unfit(error.to_string()))
}

/// The bundle with that hash: from the folder of this machine, else from the store.
pub async fn load(
    store: &impl Store,
    cache: PathBuf,
    hash: String,
) -> Result<Arc<Bundle>, PublicationError> {
    let missing = || PublicationError::Unfit(format!("the store has no bundle {hash}"));
    let blob = if cache.join(&hash).exists() {
        None
    } else {
        Some(store.bundle(&hash).await?.ok_or_else(missing)?)
    };
    let loaded = tokio::task::spawn_blocking(move || take(blob.as_deref(), &cache, &hash));
    let panicked = |_| PublicationError::Unfit("loading a bundle panicked".to_owned());
    loaded.await.map_err(panicked)?
}

/// Unpacks a blob below `cache`, if there is one, and loads what is there under that hash.
pub fn take(
    blob: Option<&[u8]>,
    cache: &Path,
    hash: &str,
) -> Result<Arc<Bundle>, PublicationError> {
    let folder = cache.join(hash);
    if let Some(blob) = blob {
        unpack(blob, &folder)?;
    }
    let bundle = Bundle::load(&folder)?;
    if *bundle.hash == *hash {
        return Ok(bundle);
    }
    // Whatever it is, it is not that: the next try asks the store.
    fs::remove_dir_all(&folder).map_err(at(&folder))?;
    let why = format!("bundle {hash} has the files of {}", bundle.hash);
    Err(PublicationError::Unfit(why))
}

/// Two tasks of one process never write one draft.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// The folder appears whole or not at all.
fn unpack(blob: &[u8], folder: &Path) -> Result<(), PublicationError> {
    let unfit = |why: &str| PublicationError::Unfit(format!("a published bundle: {why}"));
    let files: BTreeMap<String, Vec<u8>> =
        postcard::from_bytes(blob).map_err(|_| unfit("no bundle of files"))?;
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.with_extension(format!("{}.{number}.draft", std::process::id()));
    let make = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
    for (name, content) in &files {
        let name = Path::new(name);
        let plain = name
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain || !ROOMS.iter().any(|room| name.starts_with(room)) {
            return Err(unfit("a file that leads elsewhere"));
        }
        let path = draft.join(name);
        path.parent().map_or(Ok(()), make).map_err(at(&path))?;
        fs::write(&path, content).map_err(at(&path))?;
    }
    match fs::rename(&draft, folder) {
        // Another process was quicker, with the same.
        Err(_) if folder.exists() => fs::remove_dir_all(&draft).map_err(at(&draft)),
        renamed => renamed.map_err(at(folder)),
    }
}

/// The publication that stood before the newest one; `None` if there is none.
pub async fn previous(store: &impl Store) -> Result<Option<Publication>, StoreError> {
    let mut all = store.publications(LOOK_BACK).await?.into_iter();
    let newest = all.next();
    Ok(newest.and_then(|newest| all.find(|older| older.hash != newest.hash)))
}

/// Keeps new calls on the newest publication until `stop`.
pub async fn follow(
    store: &impl Store,
    shelf: &Shelf,
    cache: &Path,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let mut refused = String::new();
    loop {
        if let Ok(Some(newest)) = store
            .publications(1)
            .await
            .map(|all| all.into_iter().next())
            && *shelf.newest().hash != *newest.hash
            && refused != newest.hash
        {
            match load(store, cache.to_owned(), newest.hash.clone()).await {
                Ok(bundle) => {
                    tracing::info!(
                        bundle = newest.hash,
                        "new calls are on the published bundle"
                    );
                    shelf.put(bundle);
                }
                // The store may be back in a moment.
                Err(PublicationError::Store(error)) => {
                    tracing::warn!(%error, "a published bundle waits");
                }
                Err(error) => {
                    let bundle = &newest.hash;
                    tracing::error!(bundle, %error, "a published bundle is not taken");
                    refused = newest.hash;
                }
            }
        }
        tokio::select! {
            () = &mut stop => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// Forgets bundles that no call and no rollback can need any more, in the store and on this machine,
/// until `stop`.
pub async fn prune(
    store: &impl Store,
    shelf: &Shelf,
    cache: &Path,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        if let Err(error) = prune_once(store, shelf, cache).await {
            tracing::warn!(%error, "old bundles stay for now");
        }
        tokio::select! {
            () = &mut stop => return,
            () = sleep(PRUNE_EVERY) => {}
        }
    }
}

async fn prune_once(
    store: &impl Store,
    shelf: &Shelf,
    cache: &Path,
) -> Result<(), PublicationError> {
    let forgotten = store.forget_bundles(KEEP).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "old bundles are forgotten");
    }
    let known = store.publications(u32::MAX).await?.into_iter();
    let mut kept: BTreeSet<String> = known.map(|publication| publication.hash).collect();
    kept.insert(shelf.newest().hash.to_string());
    let cache = cache.to_owned();
    let cleared = tokio::task::spawn_blocking(move || clear(&cache, &kept, KEEP));
    let panicked = |_| PublicationError::Unfit("clearing old bundles panicked".to_owned());
    cleared.await.map_err(panicked)?
}

/// Deletes what was unpacked in `cache` so long ago and is not `kept`.
pub fn clear(
    cache: &Path,
    kept: &BTreeSet<String>,
    unpacked: Duration,
) -> Result<(), PublicationError> {
    let entries = match fs::read_dir(cache) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at(cache))?,
    };
    for entry in entries {
        let entry = entry.map_err(at(cache))?;
        let path = entry.path();
        let modified = entry.metadata().and_then(|about| about.modified());
        let age = modified.map_err(at(&path))?.elapsed().unwrap_or_default();
        if age >= unpacked && !kept.contains(&*entry.file_name().to_string_lossy()) {
            fs::remove_dir_all(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}
