//! The SQLite store, as the service uses it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sandbar_engine::DataDir;
use sandbar_engine::lifecycle::{Event, NewSandbox, SandboxRecord, transition};
use sandbar_engine::store::{Created, IdempotencyKey, ListFilter, Recovered, SqliteStore, Store};
use sandbar_engine::templates::Template;
use sandbar_protocol::{CreateOptions, InternalState, Secret};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + secs).unwrap()
}

fn record(id: &str, now: Timestamp) -> SandboxRecord {
    let (options, template) = (CreateOptions::default(), Template::default());
    SandboxRecord::create(NewSandbox { id: id.into(), token: Secret::default(), options, template, project: None }, now)
        .record
}

fn key(name: &str, received_at: Timestamp) -> IdempotencyKey {
    IdempotencyKey { project: None, key: name.into(), body_hash: [7; 32], received_at }
}

fn deleted(record: SandboxRecord, now: Timestamp) -> SandboxRecord {
    let deleting = transition(record, Event::Delete, now).unwrap().record;
    transition(deleting, Event::Destroyed, now).unwrap().record
}

#[tokio::test]
async fn old_tombstones_and_keys_are_forgotten_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("engine.db")).await.unwrap();
    for (id, secs) in [("sb-old", 0), ("sb-new", 100), ("sb-running", 0)] {
        store.create(&record(id, at(secs)), Some(&key(id, at(secs)))).await.unwrap();
    }
    store.save(&deleted(record("sb-old", at(0)), at(10))).await.unwrap();
    store.save(&deleted(record("sb-new", at(100)), at(100))).await.unwrap();
    assert_eq!(store.forget_before(at(50)).await.unwrap(), ["sb-old"]);
    assert_eq!(store.load("sb-old").await.unwrap(), None);
    assert!(store.load("sb-new").await.unwrap().is_some() && store.load("sb-running").await.unwrap().is_some());
    let again = store.create(&record("sb-1", at(100)), Some(&key("sb-running", at(100)))).await.unwrap();
    assert_eq!(again, Created::New, "its key is free");
    assert_eq!(store.forget_before(at(50) + Duration::from_secs(1)).await.unwrap(), Vec::<String>::new());
}

async fn connection(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

/// A store's file with these records, and nobody who has it open.
async fn stored(folder: &TempDir, ids: &[&str]) -> PathBuf {
    let file = folder.path().join("engine.db");
    let store = SqliteStore::open(&file).await.unwrap();
    for id in ids {
        store.create(&record(id, at(0)), None).await.unwrap();
    }
    store.close().await;
    file
}

fn ids(records: &[SandboxRecord]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[tokio::test]
async fn unreadable_records_are_quarantined_and_read_again_once_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = stored(&folder, &["sb-good", "sb-bad", "sb-odd", "sb-new"]).await;
    let mut other = connection(&file).await;
    for damage in [
        "UPDATE sandboxes SET record = '{' WHERE id = 'sb-bad'",
        "UPDATE sandboxes SET record = CAST(x'ff' AS TEXT) WHERE id = 'sb-odd'",
        "UPDATE sandboxes SET record = replace(record, '\"creating\"', '\"hibernating\"'), state = 'hibernating' WHERE id = 'sb-new'",
    ] {
        sqlx::query(damage).execute(&mut other).await.unwrap();
    }
    let store = SqliteStore::open(&file).await.unwrap();
    let recovered = store.recover().await.unwrap();
    assert_eq!(ids(&recovered.records), ["sb-good"]);
    let unreadable: Vec<_> = recovered.unreadable.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(unreadable, ["sb-new", "sb-odd", "sb-bad"]);
    let filter = ListFilter { states: InternalState::ALL.to_vec(), limit: 10, ..ListFilter::default() };
    let by_metadata = ListFilter { metadata: vec![("a".into(), "b".into())], ..filter.clone() };
    assert_eq!(ids(&store.list(&filter).await.unwrap().records), ["sb-good"]);
    assert_eq!(store.list(&by_metadata).await.unwrap().records, []);
    let error = store.load("sb-new").await.unwrap_err().to_string();
    assert!(error.contains("sb-new") && error.contains("hibernating"), "{error}");
    store.close().await;
    // As a later version that knows the state.
    let mend = "UPDATE quarantined_sandboxes SET record = replace(record, '\"hibernating\"', '\"creating\"')";
    sqlx::query(mend).execute(&mut other).await.unwrap();
    let recovered = SqliteStore::open(&file).await.unwrap().recover().await.unwrap();
    assert_eq!((ids(&recovered.records), recovered.unreadable.len()), (vec!["sb-new", "sb-good"], 2));
}

#[tokio::test]
async fn a_record_that_is_damaged_meanwhile_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = stored(&folder, &["sb-a", "sb-b", "sb-c"]).await;
    let store = SqliteStore::open(&file).await.unwrap();
    let damage = "UPDATE sandboxes SET record = '{' WHERE id = 'sb-b'";
    sqlx::query(damage).execute(&mut connection(&file).await).await.unwrap();
    let filter = ListFilter { states: InternalState::ALL.to_vec(), limit: 2, ..ListFilter::default() };
    let page = store.list(&filter).await.unwrap();
    assert_eq!((ids(&page.records), page.has_next), (vec!["sb-c"], true));
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = stored(&folder, &[]).await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', true, x'00', 0)";
    sqlx::query(later).execute(&mut connection(&file).await).await.unwrap();
    let error = SqliteStore::open(&file).await.err().unwrap().to_string();
    assert!(error.contains("a later version of sandbar (schema 9999)") && error.contains("--data-dir"), "{error}");
}

#[tokio::test]
async fn a_damaged_store_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.db");
    fs::write(&file, "no database".repeat(1000)).unwrap();
    let error = SqliteStore::open(&file).await.err().unwrap().to_string();
    let way_out = format!("mv {}* {}/set-aside/", file.display(), folder.path().display());
    assert!(error.contains("is damaged") && error.contains(&way_out), "{error}");
}

#[tokio::test]
async fn what_is_left_of_a_lost_store_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.db");
    let store = SqliteStore::open(&file).await.unwrap();
    store.create(&record("sb-a", at(0)), None).await.unwrap();
    // As after a kill: all that was written is in the write-ahead log.
    let log = fs::read(folder.path().join("engine.db-wal")).unwrap();
    store.close().await;
    fs::write(&file, "").unwrap();
    fs::write(folder.path().join("engine.db-wal"), &log).unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.recover().await.unwrap(), Recovered::default());
    let kept = DataDir::set_aside(folder.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read(folder.path().join(&kept[0])).unwrap(), log);
}

#[tokio::test]
async fn records_of_an_earlier_version_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut earlier = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(include_str!("data/engine-schema-2.sql")).execute(&mut earlier).await.unwrap();
    earlier.close().await.unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    let recovered = store.recover().await.unwrap();
    let records = recovered.records.iter().map(|record| (record.metadata["was"].as_str(), record.state));
    let states = [InternalState::Active, InternalState::Destroyed, InternalState::Stopped, InternalState::Active];
    assert_eq!(
        records.collect::<Vec<_>>(),
        ["keyed", "deleted", "paused", "running"].into_iter().zip(states).collect::<Vec<_>>()
    );
    assert_eq!(recovered.unreadable, []);
    let running = recovered.records.last().unwrap();
    assert_eq!(running.env_vars["NAME"].expose(), "value");
    let paused = transition(running.clone(), Event::Pause, at(0)).unwrap().record;
    store.save(&paused).await.unwrap();
    assert_eq!(store.load(&running.id).await.unwrap(), Some(paused));
}

#[tokio::test]
async fn key_is_in_use_until_its_sandbox_is_deleted_or_a_day_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("engine.db")).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    store.create(&record("sb-1", at(0)), Some(&key("k", at(0)))).await.unwrap();
    let repeat = Some(Created::Repeat("sb-1".into()));
    assert_eq!(store.created_with(&key("k", at(0) + day)).await.unwrap(), repeat);
    assert_eq!(store.created_with(&key("k", at(1) + day)).await.unwrap(), None);
    let of_another = IdempotencyKey { project: Some("b".into()), ..key("k", at(0)) };
    assert_eq!(store.created_with(&of_another).await.unwrap(), None);
    store.keep_key(&key("k", at(1)), "sb-other").await.unwrap();
    assert_eq!(store.created_with(&key("k", at(1))).await.unwrap(), repeat, "it stays as it is");
    store.save(&deleted(record("sb-1", at(0)), at(10))).await.unwrap();
    assert_eq!(store.created_with(&key("k", at(10))).await.unwrap(), None);
    store.create(&record("sb-2", at(10)), Some(&key("k", at(10)))).await.unwrap();
    assert_eq!(store.created_with(&key("k", at(10))).await.unwrap(), Some(Created::Repeat("sb-2".into())));
}

#[tokio::test]
async fn keys_of_an_earlier_version_belong_to_the_project_of_their_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut earlier = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(include_str!("data/engine-schema-2.sql")).execute(&mut earlier).await.unwrap();
    let of_project = |id: &str, project: Option<&str>| {
        let record = SandboxRecord { project: project.map(str::to_owned), ..record(id, at(0)) };
        serde_json::to_string(&record).unwrap()
    };
    let rows =
        [("sb-a", of_project("sb-a", Some("a"))), ("sb-b", of_project("sb-b", None)), ("sb-c", "{broken".into())];
    for (id, record) in rows {
        let text = "INSERT INTO sandboxes (id, state, record) VALUES (?, 'active', ?)";
        sqlx::query(text).bind(id).bind(record).execute(&mut earlier).await.unwrap();
        let text = "INSERT INTO idempotency_keys (key, body_hash, sandbox_id, created_ms) VALUES (?, ?, ?, ?)";
        let query = sqlx::query(text).bind(format!("key of {id}")).bind(&[7u8; 32][..]).bind(id);
        query.bind(at(0).as_millisecond()).execute(&mut earlier).await.unwrap();
    }
    earlier.close().await.unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    let found = async |id: &str, project: Option<&str>| {
        let key = key(&format!("key of {id}"), at(1));
        store.created_with(&IdempotencyKey { project: project.map(str::to_owned), ..key }).await.unwrap()
    };
    assert_eq!(found("sb-a", Some("a")).await, Some(Created::Repeat("sb-a".into())));
    assert_eq!(found("sb-a", None).await, None);
    assert_eq!(found("sb-b", None).await, Some(Created::Repeat("sb-b".into())));
    assert_eq!(found("sb-c", None).await, Some(Created::Repeat("sb-c".into())), "an unreadable record stops no start");
}
