//! Bundles in the store: published, followed, rolled back; and the calls that go on with theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dana::bundle::Bundle;
use dana::publication::{PublicationError, clear, follow, load, pack, previous, prune};
use dana::shelf::{Fetched, Shelf};
use dana::store::Store;
use dana::store::memory::Memory;
use serde_json::Value;
use tokio::sync::watch;

use crate::cli::{dana, out};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Our bundle with one more comment in its flow: another hash, the same calls.
fn changed(to: &Path) -> PathBuf {
    changed_as(&to.join("changed"), |flow| flow + "\n# another day\n")
}

/// Our bundle with another flow.
fn changed_as(folder: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    for room in ["flows", "grammars", "prompts", "audio"] {
        copy(&home().join(room), &folder.join(room));
    }
    let flow = folder.join("flows/dana.toml");
    let text = fs::read_to_string(&flow).expect("a flow");
    fs::write(&flow, change(text)).expect("it is written");
    folder.to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("it is copied");
        }
    }
}

async fn once(store: &Memory, shelf: &Shelf, cache: &Path) {
    follow(store, shelf, cache, std::future::ready(())).await;
}

#[tokio::test]
async fn p9_new_calls_take_the_newest_bundle_and_a_bad_one_replaces_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, other) = (folder.path().join("cache"), changed(folder.path()));
    let ours = Bundle::load(home()).expect("our own bundle");
    let theirs = Bundle::load(&other).expect("it loads");
    assert_ne!(ours.hash, theirs.hash);
    let (store, shelf) = (Memory::default(), Shelf::from(Arc::clone(&ours)));
    once(&store, &shelf, &cache).await;
    assert_eq!(shelf.newest().hash, ours.hash, "nothing is published");

    let files = pack(&other).expect("it is packed");
    store
        .publish(&theirs.hash, &files)
        .await
        .expect("an answer");
    once(&store, &shelf, &cache).await;
    assert_eq!(shelf.newest().hash, theirs.hash);
    assert!(shelf.get(&ours.hash).is_some(), "running calls keep theirs");

    // What is not what its hash says, what is no bundle, what is not there: none is taken.
    store
        .publish("00112233445566778899aabbccddeeff", &files)
        .await
        .expect("an answer");
    once(&store, &shelf, &cache).await;
    store
        .publish("ffeeddccbbaa99887766554433221100", b"nonsense")
        .await
        .expect("an answer");
    once(&store, &shelf, &cache).await;
    assert_eq!(shelf.newest().hash, theirs.hash);

    assert_eq!(
        previous(&store)
            .await
            .expect("an answer")
            .expect("one")
            .hash,
        "00112233445566778899aabbccddeeff"
    );
    store.publish(&theirs.hash, &[]).await.expect("an answer");
    once(&store, &shelf, &cache).await;
    assert_eq!(shelf.newest().hash, theirs.hash);
}

#[tokio::test]
async fn f5_a_file_that_leads_elsewhere_is_not_unpacked() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "../escaped",
        "/tmp/escaped",
        "flows/../../escaped",
        "state/escaped",
    ] {
        let files = std::collections::BTreeMap::from([(name, b"x".to_vec())]);
        let blob = postcard::to_stdvec(&files).expect("a blob");
        let store = Memory::default();
        store.publish("aa", &blob).await.expect("an answer");
        let loaded = load(&store, folder.path().join("cache"), "aa".to_owned()).await;
        assert!(
            matches!(loaded, Err(PublicationError::Unfit(_))),
            "{name}: {loaded:?}"
        );
    }
    assert!(!folder.path().join("escaped").exists());
}

#[test]
fn p8_a_bundle_is_published_and_taken_back_by_hand_and_a_bad_one_is_not_published() {
    let folder = tempfile::tempdir().expect("a folder");
    // Less patience, so that its proof is short.
    let hasty = |flow: String| flow.replace("patience = 8", "patience = 2");
    let first = changed_as(&folder.path().join("first"), hasty);
    let other = changed_as(&folder.path().join("other"), |flow| hasty(flow) + "\n");
    let config = folder.path().join("dana.toml");
    let state = folder.path().join("state");
    let text = format!("[service]\nstate = {:?}\n", state.display().to_string());
    fs::write(&config, text).expect("it is written");
    let config = config.display().to_string();
    let run = |words: &[&str]| {
        let words = [words, &["--config", &config, "--format", "json"]].concat();
        let output = dana(&words, "");
        let said: Value = serde_json::from_str(&out(&output)).unwrap_or_default();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            said["hash"].as_str().unwrap_or_default().to_owned(),
            told,
        )
    };
    let (code, _, told) = run(&["rollback"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(
        told.contains("no other bundle was published before"),
        "{told}"
    );

    let (code, ours, told) = run(&["publish", &first.display().to_string()]);
    assert_eq!((code, ours.len()), (Some(0), 32), "{told}");
    let other = other.display().to_string();
    let (code, theirs, told) = run(&["publish", &other]);
    assert_eq!(code, Some(0), "{told}");
    assert_ne!(ours, theirs);
    assert_eq!(run(&["rollback"]).1, ours);
    assert_eq!(run(&["rollback"]).1, theirs);

    // Every problem of a flow that does not load is told with its place, and nothing is published.
    let flow = Path::new(&other).join("flows/dana.toml");
    let good = fs::read_to_string(&flow).expect("a flow");
    let broken = good.replacen("[\"greeting", "[\"greting", 1).replacen(
        "confirm_ticket",
        "confirm_tiket",
        1,
    );
    fs::write(&flow, &broken).expect("it is written");
    let (code, hash, told) = run(&["publish", &other]);
    assert_eq!((code, hash.as_str()), (Some(2), ""), "{told}");
    assert_eq!(told.matches("flows/dana.toml:").count(), 2, "{told}");
    // One that loads and breaks a rule is not published either.
    fs::write(&flow, &good).expect("it is written");
    let rules = Path::new(&other).join("flows/dana.rules.toml");
    let text = fs::read_to_string(&rules).expect("rules");
    let stricter = text.replace(
        "kind = \"wait_within\"\nseconds = 12",
        "kind = \"wait_within\"\nseconds = 1",
    );
    assert_ne!(stricter, text);
    fs::write(&rules, stricter).expect("it is written");
    let (code, hash, told) = run(&["publish", &other]);
    assert_eq!((code, hash.as_str()), (Some(1), ""), "{told}");
    assert!(told.contains("no_long_wait"), "{told}");
    assert_eq!(run(&["rollback"]).1, ours);
}

/// A service that starts again: all calls of the bundle before come back at once.
#[tokio::test]
async fn a_bundle_is_fetched_once_for_all_calls_that_go_on_with_it() {
    let ours = Bundle::load(home()).expect("our own bundle");
    let fetches = Arc::new(AtomicUsize::new(0));
    let (come, comes) = watch::channel(false);
    let (counted, fetched) = (Arc::clone(&fetches), Arc::clone(&ours));
    let fetch = move |_| -> Fetched {
        counted.fetch_add(1, Ordering::Relaxed);
        let (fetched, mut comes) = (Arc::clone(&fetched), comes.clone());
        Box::pin(async move {
            comes.wait_for(|come| *come).await.ok()?;
            Some(fetched)
        })
    };
    let shelf = Shelf::new(ours, Some(Box::new(fetch)));
    let calls = (0..10).map(|_| tokio::spawn(shelf.clone().fetch("another".to_owned())));
    let calls: Vec<_> = calls.collect();
    tokio::task::yield_now().await;
    come.send(true).expect("somebody waits");
    for call in calls {
        assert!(call.await.expect("no panic").is_some());
    }
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn old_bundles_go_a_day_after_others_came_in_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let shelf = Shelf::from(Bundle::load(home()).expect("our own bundle"));
    let (store, cache) = (Memory::default(), folder.path().join("bundles"));
    let pruned = async || prune(&store, &shelf, &cache, std::future::ready(())).await;
    let left = async || {
        let mut left = Vec::new();
        for hash in ["aa", "bb", "cc"] {
            if store.bundle(hash).await.expect("an answer").is_some() {
                left.push(hash);
            }
        }
        left
    };
    for hash in ["aa", "bb", "cc"] {
        store.publish(hash, b"files").await.expect("an answer");
        fs::create_dir_all(cache.join(hash).join("flows")).expect("a folder");
    }
    store.pass_time(Duration::from_hours(23));
    pruned().await;
    assert_eq!(left().await, ["aa", "bb", "cc"]);
    store.pass_time(Duration::from_hours(2));
    pruned().await;
    assert_eq!(
        left().await,
        ["bb", "cc"],
        "that of new calls, and that before it"
    );

    // What was unpacked just now may be about to be published.
    let unpacked = |hash: &str| cache.join(hash).exists();
    assert!(["aa", "bb", "cc"].iter().all(|hash| unpacked(hash)));
    let kept = ["bb", "cc"].map(str::to_owned).into();
    clear(&cache, &kept, Duration::ZERO).expect("it is cleared");
    assert_eq!(["aa", "bb", "cc"].map(unpacked), [false, true, true]);
}
