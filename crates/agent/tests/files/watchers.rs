use std::fs;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

async fn create(sandbox: &Sandbox) -> Value {
    sandbox.call("CreateWatcher", &json!({ "path": ".", "recursive": true })).await.ok()["watcherId"].clone()
}

/// Asks until there are so many.
async fn events(sandbox: &Sandbox, id: &Value, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let answer = sandbox.call("GetWatcherEvents", &json!({ "watcherId": id, "limit": null })).await.ok();
        events.extend(answer["events"].as_array().expect("a list").clone());
        tokio::task::yield_now().await;
    }
    events
}

#[tokio::test]
async fn events_are_kept_until_they_are_taken_out() {
    let sandbox = Sandbox::new();
    let id = create(&sandbox).await;
    fs::create_dir(sandbox.path("a")).expect("a folder");
    fs::create_dir(sandbox.path("b")).expect("a folder");
    let told = events(&sandbox, &id, 2).await;
    assert_eq!(told[0], json!({ "name": "a", "type": "EVENT_TYPE_CREATE" }));
    assert_eq!(told[1], json!({ "name": "b", "type": "EVENT_TYPE_CREATE" }));
    let answer = sandbox.call("GetWatcherEvents", &json!({ "watcherId": id })).await.ok();
    assert_eq!(answer, json!({ "events": [] }));
}

#[tokio::test]
async fn a_limit_takes_the_oldest_and_leaves_the_rest() {
    let sandbox = Sandbox::new();
    let (id, other) = (create(&sandbox).await, create(&sandbox).await);
    for name in ["a", "b", "c"] {
        fs::create_dir(sandbox.path(name)).expect("a folder");
    }
    // Both are told at once, so that the first has its events as well when the second has them.
    events(&sandbox, &other, 3).await;
    let mut names = Vec::new();
    while names.len() < 3 {
        let answer = sandbox.call("GetWatcherEvents", &json!({ "watcherId": id, "limit": 1 })).await.ok();
        let taken = answer["events"].as_array().expect("a list").clone();
        assert!(taken.len() <= 1);
        names.extend(taken.iter().map(|event| event["name"].clone()));
        tokio::task::yield_now().await;
    }
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_watcher_that_is_removed_is_not_found_and_leaves_no_descriptor() {
    let sandbox = Sandbox::new();
    let id = create(&sandbox).await;
    assert_eq!(sandbox.call("RemoveWatcher", &json!({ "watcherId": id })).await.ok(), json!({}));
    for method in ["GetWatcherEvents", "RemoveWatcher"] {
        sandbox.call(method, &json!({ "watcherId": id })).await.refused(404, "not_found", "no watcher");
    }
    while sandbox.watches() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn events_that_nobody_took_out_are_lost_with_an_error_once() {
    let sandbox = Sandbox::new();
    sandbox.put("even", "");
    sandbox.put("odd", "");
    let create = async || sandbox.call("CreateWatcher", &json!({ "path": "." })).await.ok()["watcherId"].clone();
    let (id, pace) = (create().await, create().await);
    let ask = async || sandbox.call("GetWatcherEvents", &json!({ "watcherId": id, "limit": 1 })).await;
    let mut answer = ask().await;
    while answer.status == 200 {
        sandbox.stir(1000);
        // No faster than they are read: what the system's own queue can't hold is another error.
        events(&sandbox, &pace, 1000).await;
        answer = ask().await;
    }
    answer.refused(500, "data_loss", "oldest events");
    assert_eq!(ask().await.ok()["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_watcher_whose_folder_is_gone_tells_what_it_has_and_then_that() {
    let sandbox = Sandbox::new();
    sandbox.put("in/file", "");
    let id = sandbox.call("CreateWatcher", &json!({ "path": "in" })).await.ok()["watcherId"].clone();
    fs::remove_dir_all(sandbox.path("in")).expect("a folder");
    assert_eq!(events(&sandbox, &id, 1).await[0]["type"], "EVENT_TYPE_REMOVE");
    loop {
        let answer = sandbox.call("GetWatcherEvents", &json!({ "watcherId": id })).await;
        if answer.status != 200 {
            return answer.refused(400, "failed_precondition", "is gone");
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn there_may_be_16_watchers_until_one_is_forgotten() {
    let sandbox = Sandbox::new();
    let first = create(&sandbox).await;
    for _ in 1..16 {
        create(&sandbox).await;
    }
    let attempt = async || sandbox.call("CreateWatcher", &json!({ "path": "." })).await;
    attempt().await.refused(400, "failed_precondition", "RemoveWatcher");
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(601)).await;
    tokio::time::resume();
    attempt().await.ok();
    let answer = sandbox.call("GetWatcherEvents", &json!({ "watcherId": first })).await;
    answer.refused(404, "not_found", "no watcher");
}
