//! The stores: one set of scenarios for the model and both engines, then what only files and
//! servers can suffer.

mod conformance;
mod failover;
mod files;
mod postgres;
mod power_cut;
mod sealed;

use std::time::Duration;

use dana::call::{Login, PhoneNumber};
use dana::seal::Keys;
use dana::store::sql::Sql;
use dana::store::{Order, Payload, StoreUrl};
use tempfile::TempDir;

const MINUTE: Duration = Duration::from_mins(1);
const AT_ONCE: Duration = Duration::ZERO;

fn login(index: u32) -> Login {
    Login::new(&format!("0770000{index:03}")).expect("a login")
}

fn number(index: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+77770000{index:03}")).expect("a number")
}

/// What all stores here are sealed with.
fn keys() -> Keys {
    Keys::new([(1, [7; 32])])
}

/// Order `key` for the line `index`.
fn order(key: &str, index: u32) -> Order {
    Order {
        key: format!("ivr:{key}:technicianVisit"),
        login: login(index),
        contact: Some(number(index)),
        payload: Payload::new(format!("{{\"externalId\":\"{key}\"}}").into_bytes()),
    }
}

/// A SQLite store in a folder of its own.
async fn sqlite() -> (Sql, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = StoreUrl::sqlite(&folder.path().join("dana.db"));
    (Sql::open(&url, &keys()).await.expect("a store"), folder)
}
