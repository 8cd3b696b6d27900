//! The SQLite store, as the service uses it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jiff::Timestamp;
use sandbar_engine::lifecycle::{Event, NewSandbox, SandboxRecord, transition};
use sandbar_engine::store::{Created, IdempotencyKey, SqliteStore, Store};
use sandbar_engine::templates::Template;
use sandbar_protocol::{CreateOptions, Secret};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

fn record(id: &str, now: Timestamp) -> SandboxRecord {
    let (options, template) = (CreateOptions::default(), Template::default());
    SandboxRecord::create(NewSandbox { id: id.into(), token: Secret::default(), options, template, project: None }, now)
        .record
}

fn deleted(record: SandboxRecord, now: Timestamp) -> SandboxRecord {
    let deleting = transition(record, Event::Delete, now).unwrap().record;
    transition(deleting, Event::Destroyed, now).unwrap().record
}

#[tokio::test]
async fn old_tombstones_and_keys_are_forgotten_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("engine.db")).await.unwrap();
    let key = |name: &str| IdempotencyKey { key: name.into(), body_hash: [7; 32] };
    for (id, secs) in [("sb-old", 0), ("sb-new", 100), ("sb-running", 0)] {
        store.create(&record(id, at(secs)), Some(&key(id))).await.unwrap();
    }
    store.save(&deleted(record("sb-old", at(0)), at(10))).await.unwrap();
    store.save(&deleted(record("sb-new", at(100)), at(100))).await.unwrap();
    assert_eq!(store.forget_before(at(50)).await.unwrap(), ["sb-old"]);
    assert_eq!(store.load("sb-old").await.unwrap(), None);
    assert!(store.load("sb-new").await.unwrap().is_some() && store.load("sb-running").await.unwrap().is_some());
    let again = store.create(&record("sb-1", at(100)), Some(&key("sb-old"))).await.unwrap();
    assert_eq!(again, Created::New, "its key is free");
    let repeat = store.create(&record("sb-2", at(100)), Some(&key("sb-new"))).await.unwrap();
    assert_eq!(repeat, Created::Repeat("sb-new".into()));
    assert_eq!(store.forget_before(at(50) + Duration::from_secs(1)).await.unwrap(), Vec::<String>::new());
}
