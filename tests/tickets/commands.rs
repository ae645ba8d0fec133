//! `dana tickets` as those who look after the service meet it.

use std::process::Output;

use dana::store::StoreUrl;
use dana::store::sql::Sql;

use super::*;
use crate::cli;

/// A state folder whose store has one order done, one open, one refused; and how to ask about it.
async fn service() -> (tempfile::TempDir, Arc<Mock>, String) {
    let (mock, root) = mock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let url = StoreUrl::sqlite(&folder.path().join("dana.db"));
    let store = Sql::open(&url, &keys()).await.expect("a store");
    let desk = Desk::new(store.clone(), client(&root), settings(), Handle::current());
    create(&desk, 101).await;
    mock.break_for(&number(103), Api::CreateTicket, Fault::Status(400), 1);
    create(&desk, 103).await;
    mock.break_for(&number(108), Api::CreateTicket, Fault::Status(500), 1);
    create(&desk, 108).await;
    store.close().await;
    cli::key_file(&folder.path().join("journal.keys"));
    let config = folder.path().join("dana.toml");
    let text = format!(
        "[service]\nstate = {:?}\n[network]\nroot = {root:?}\n",
        folder.path().display().to_string()
    );
    std::fs::write(&config, text).expect("it is written");
    let config = config.display().to_string();
    (folder, mock, config)
}

async fn ask(config: &str, words: &[&str]) -> Output {
    let words: Vec<String> = [&["tickets"], words, &["--config", config]]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let asked = tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        cli::dana(&words, "")
    });
    asked.await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_shown_parked_and_reconciled_and_nobody_is_shown() {
    let (_folder, mock, config) = service().await;
    let list = ask(&config, &["list"]).await;
    let text = cli::out(&list);
    assert_eq!(
        (list.status.code(), text.lines().count()),
        (Some(1), 2),
        "{text}"
    );
    assert!(
        text.contains("rejected") && text.contains("login ***03"),
        "{text}"
    );

    let all = ask(&config, &["list", "--all", "--format", "json"]).await;
    let states: Vec<String> = cli::out(&all)
        .lines()
        .map(|line| {
            let order: serde_json::Value = serde_json::from_str(line).expect("JSON");
            order["state"].as_str().expect("a state").to_owned()
        })
        .collect();
    assert_eq!(states, ["done", "rejected", "unknown"]);

    let key = order(108).key;
    let shown = ask(&config, &["show", &key]).await;
    let parked = ask(&config, &["park", &key]).await;
    let ended = ask(&config, &["park", &order(101).key]).await;
    let nothing = ask(&config, &["show", "ivr:nothing"]).await;
    let codes = [&shown, &parked, &ended, &nothing].map(|output| output.status.code());
    assert_eq!(codes, [Some(0), Some(0), Some(2), Some(2)]);
    assert!(
        cli::out(&shown).contains("state        unknown"),
        "{}",
        cli::out(&shown)
    );
    assert!(
        cli::out(&parked).contains("state        parked"),
        "{}",
        cli::out(&parked)
    );

    let same = ask(&config, &["reconcile"]).await;
    assert_eq!(
        same.status.code(),
        Some(0),
        "{}{}",
        cli::out(&same),
        String::from_utf8_lossy(&same.stderr)
    );
    // A ticket that only the ticket system knows: a backup of the store was restored.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(Arc::clone(&mock).serve(listener, std::future::pending()));
    create(&desk_at(&at, settings()), 110).await;
    let differs = ask(&config, &["reconcile"]).await;
    assert_eq!(differs.status.code(), Some(1));
    assert!(
        cli::out(&differs).contains("orphan"),
        "{}",
        cli::out(&differs)
    );
    assert_eq!(mock.ledger().len(), 2, "nothing is created that is missing");

    let everything: String = [list, all, shown, parked, ended, nothing, same, differs]
        .iter()
        .map(|output| cli::out(output) + &String::from_utf8_lossy(&output.stderr))
        .collect();
    for secret in ["077700", "0770000101", "0770000103", "7777000"] {
        assert!(
            !everything.contains(secret),
            "{secret} is shown:\n{everything}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_makes_no_store() {
    let (folder, _mock, config) = service().await;
    let path = folder.path().join("dana.db");
    std::fs::remove_file(&path).expect("it was there");
    let list = ask(&config, &["list"]).await;
    let said = format!(
        "error: there is no store `{}`\n\nhint: name the service's configuration (--config); its first \
         start makes the store\n",
        path.display()
    );
    assert_eq!(
        (
            list.status.code(),
            String::from_utf8_lossy(&list.stderr).as_ref()
        ),
        (Some(3), said.as_str())
    );
    assert!(!path.exists());
}
