use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, Stream};

/// Events as text, `CREATE a`.
async fn events(stream: &mut Stream, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    while events.len() < count {
        let message = stream.next().await.expect("an event");
        let event = &message["filesystem"];
        let kind = event["type"].as_str().expect("a type").trim_start_matches("EVENT_TYPE_").to_owned();
        events.push(format!("{kind} {}", event["name"].as_str().expect("a name")));
    }
    events
}

async fn watch(sandbox: &Sandbox, body: Value) -> Stream {
    let mut stream = sandbox.stream("WatchDir", &body).await;
    assert_eq!(stream.next().await, Some(json!({ "start": {} })));
    stream
}

#[tokio::test]
async fn what_happens_in_a_folder_is_told_by_relative_names() {
    let sandbox = Sandbox::new();
    sandbox.put("in/old", "");
    let mut stream = watch(&sandbox, json!({ "path": "in", "recursive": null })).await;
    fs::write(sandbox.path("in/new"), "x").expect("a file");
    assert_eq!(events(&mut stream, 2).await, ["CREATE new", "WRITE new"]);
    fs::set_permissions(sandbox.path("in/old"), fs::Permissions::from_mode(0o600)).expect("a mode");
    assert_eq!(events(&mut stream, 1).await, ["CHMOD old"]);
    fs::rename(sandbox.path("in/old"), sandbox.path("in/other")).expect("a move");
    assert_eq!(events(&mut stream, 2).await, ["RENAME old", "CREATE other"]);
    fs::remove_file(sandbox.path("in/other")).expect("a file");
    assert_eq!(events(&mut stream, 1).await, ["REMOVE other"]);
}

#[tokio::test]
async fn a_write_through_the_api_shows_as_the_files_own() {
    let sandbox = Sandbox::new();
    sandbox.put("old", "x");
    let mut stream = watch(&sandbox, json!({ "path": "." })).await;
    assert_eq!(sandbox.post_bytes("/file?path=new", "x").await.status, 204);
    assert_eq!(events(&mut stream, 2).await, ["CREATE new", "WRITE new"]);
    assert_eq!(sandbox.post_bytes("/file?path=old", "y").await.status, 204);
    assert_eq!(events(&mut stream, 1).await, ["WRITE old"]);
    sandbox.call("Edit", &json!({ "path": "old", "oldText": "y", "newText": "z" })).await.ok();
    assert_eq!(events(&mut stream, 1).await, ["WRITE old"]);
    sandbox.call("Remove", &json!({ "path": "old" })).await.ok();
    assert_eq!(events(&mut stream, 1).await, ["REMOVE old"]);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_no_event() {
    let sandbox = Sandbox::new();
    let mut stream = watch(&sandbox, json!({ "path": "." })).await;
    let form = "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\ncut";
    assert_eq!(sandbox.post("/files", "multipart/form-data; boundary=XX", form).await.status, 400);
    fs::create_dir(sandbox.path("end")).expect("a folder");
    assert_eq!(events(&mut stream, 1).await, ["CREATE end"]);
}

#[tokio::test]
async fn what_is_in_folders_below_is_told_only_if_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.put("in/old", "");
    let mut flat = watch(&sandbox, json!({ "path": ".", "recursive": false })).await;
    let mut deep = watch(&sandbox, json!({ "path": ".", "recursive": true })).await;
    fs::remove_file(sandbox.path("in/old")).expect("a file");
    fs::create_dir(sandbox.path("end")).expect("a folder");
    assert_eq!(events(&mut deep, 2).await, ["REMOVE in/old", "CREATE end"]);
    assert_eq!(events(&mut flat, 1).await, ["CREATE end"]);
}

#[tokio::test]
async fn new_folders_are_watched_and_nothing_in_them_is_told_twice_or_missed() {
    let sandbox = Sandbox::new();
    let mut stream = watch(&sandbox, json!({ "path": ".", "recursive": true })).await;
    fs::create_dir_all(sandbox.path("a/b")).expect("folders");
    for number in 0..200 {
        fs::File::create(sandbox.path(&format!("a/b/{number}"))).expect("a file");
    }
    let mut told = events(&mut stream, 202).await;
    assert_eq!(told[..2], ["CREATE a", "CREATE a/b"]);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 202);
    fs::write(sandbox.path("a/b/0"), "x").expect("a file");
    assert_eq!(events(&mut stream, 1).await, ["WRITE a/b/0"]);
    fs::remove_dir_all(sandbox.path("a")).expect("a folder");
    let told = events(&mut stream, 202).await;
    assert_eq!(told[200..], ["REMOVE a/b", "REMOVE a"]);
}

#[tokio::test]
async fn a_folder_that_is_moved_is_told_with_what_is_in_it_and_stays_watched() {
    let sandbox = Sandbox::new();
    sandbox.put("a/deep/file", "");
    let mut stream = watch(&sandbox, json!({ "path": ".", "recursive": true })).await;
    fs::rename(sandbox.path("a"), sandbox.path("b")).expect("a move");
    let told = events(&mut stream, 4).await;
    assert_eq!(told, ["RENAME a", "CREATE b", "CREATE b/deep", "CREATE b/deep/file"]);
    fs::remove_file(sandbox.path("b/deep/file")).expect("a file");
    assert_eq!(events(&mut stream, 1).await, ["REMOVE b/deep/file"]);
    let elsewhere = tempfile::tempdir_in(sandbox.path("..")).expect("a folder");
    fs::rename(sandbox.path("b"), elsewhere.path().join("b")).expect("a move");
    assert_eq!(events(&mut stream, 1).await, ["RENAME b"]);
    fs::write(elsewhere.path().join("b/deep/unseen"), "").expect("a file");
    fs::create_dir(sandbox.path("end")).expect("a folder");
    assert_eq!(events(&mut stream, 1).await, ["CREATE end"]);
}

#[tokio::test]
async fn the_stream_ends_with_the_folder() {
    for moved in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.put("in/file", "");
        let mut stream = watch(&sandbox, json!({ "path": "in", "recursive": true })).await;
        if moved {
            fs::rename(sandbox.path("in"), sandbox.path("out")).expect("a move");
        } else {
            fs::remove_dir_all(sandbox.path("in")).expect("a folder");
            assert_eq!(events(&mut stream, 1).await, ["REMOVE file"]);
        }
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.end, Some(json!({})));
    }
}

#[tokio::test]
async fn what_can_not_be_watched_is_refused_before_the_stream_begins() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "");
    for method in ["WatchDir", "CreateWatcher"] {
        let attempt = async |path: &str| sandbox.call(method, &json!({ "path": path })).await;
        attempt("missing").await.refused(404, "not_found", &sandbox.text("missing"));
        attempt("file").await.refused(400, "invalid_argument", "is not a directory");
        attempt("").await.refused(400, "invalid_argument", "`path` is empty");
    }
    assert_eq!(sandbox.watches(), 0);
}

#[tokio::test]
async fn events_that_are_lost_end_the_stream_with_an_error() {
    let sandbox = Sandbox::new();
    sandbox.put("even", "");
    sandbox.put("odd", "");
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("a limit");
    let limit: usize = limit.trim().parse().expect("a number");
    let mut stream = watch(&sandbox, json!({ "path": "." })).await;
    // Nothing is read meanwhile: this test has one thread.
    sandbox.stir(limit + 1000);
    while stream.next().await.is_some() {}
    assert_eq!(stream.end.expect("an end")["error"]["code"], "data_loss");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_descriptor() {
    let sandbox = Sandbox::new();
    let streams = [watch(&sandbox, json!({ "path": "." })).await, watch(&sandbox, json!({ "path": "." })).await];
    assert_eq!(sandbox.watches(), 2);
    drop(streams);
    while sandbox.watches() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_gives_signs_of_life() {
    let sandbox = Sandbox::new();
    let mut stream = watch(&sandbox, json!({ "path": "." })).await;
    assert_eq!(stream.next().await, Some(json!({ "keepalive": {} })));
    assert_eq!(stream.next().await, Some(json!({ "keepalive": {} })));
}

#[tokio::test]
async fn a_request_in_a_frame_is_taken_as_well() {
    let sandbox = Sandbox::new();
    let body = br#"{"path":"."}"#;
    let frame = [&[0, 0, 0, 0, body.len() as u8][..], body].concat();
    let request = Request::post("/filesystem.Filesystem/WatchDir").body(Body::from(frame)).expect("a request");
    let response = sandbox.respond(request).await;
    assert_eq!(response.status(), 200);
    let first = tokio::time::timeout(Duration::from_secs(10), response.into_body().frame()).await;
    assert!(first.expect("in time").is_some());
}

#[tokio::test]
async fn a_file_that_is_replaced_by_rename_is_written() {
    let sandbox = Sandbox::new();
    sandbox.put("in/old", "a");
    let mut stream = watch(&sandbox, json!({ "path": ".", "recursive": true })).await;
    // As `sed -i` does it.
    fs::write(sandbox.path("in/sedX"), "b").expect("a file");
    fs::rename(sandbox.path("in/sedX"), sandbox.path("in/old")).expect("a move");
    assert_eq!(events(&mut stream, 4).await, ["CREATE in/sedX", "WRITE in/sedX", "RENAME in/sedX", "WRITE in/old"]);
    // From outside the folder, too, and of a name that was seen to come.
    fs::write(sandbox.path("in/new"), "").expect("a file");
    assert_eq!(events(&mut stream, 1).await, ["CREATE in/new"]);
    let elsewhere = tempfile::tempdir_in(sandbox.path("..")).expect("a folder");
    let replace = || {
        fs::write(elsewhere.path().join("new"), "").expect("a file");
        fs::rename(elsewhere.path().join("new"), sandbox.path("in/new")).expect("a move");
    };
    replace();
    assert_eq!(events(&mut stream, 1).await, ["WRITE in/new"]);
    fs::remove_file(sandbox.path("in/new")).expect("a file");
    replace();
    assert_eq!(events(&mut stream, 2).await, ["REMOVE in/new", "CREATE in/new"]);
}

#[tokio::test]
async fn the_stream_ends_when_a_folder_above_is_renamed_and_tells_nothing_of_another_in_its_place() {
    let sandbox = Sandbox::new();
    sandbox.put("above/in/old", "");
    let mut stream = watch(&sandbox, json!({ "path": "above/in", "recursive": true })).await;
    fs::write(sandbox.path("above/in/own"), "").expect("a file");
    fs::rename(sandbox.path("above"), sandbox.path("elsewhere")).expect("a move");
    sandbox.put("above/in/new/foreign", "");
    fs::create_dir(sandbox.path("elsewhere/in/new")).expect("a folder");
    assert_eq!(events(&mut stream, 1).await, ["CREATE own"]);
    assert_eq!((stream.next().await, stream.end), (None, Some(json!({}))));
}
