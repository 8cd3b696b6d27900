use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::stat::Mode;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Paths of entries below the workspace.
fn paths(sandbox: &Sandbox, answer: &Value) -> Vec<String> {
    let above = sandbox.text("");
    let path = |entry: &Value| entry["path"].as_str().expect("a path").trim_start_matches(&above).to_owned();
    answer["entries"].as_array().expect("a list").iter().map(path).collect()
}

#[tokio::test]
async fn an_entry_tells_all_of_a_file() {
    let sandbox = Sandbox::new();
    sandbox.put("a.txt", "hello");
    fs::set_permissions(sandbox.path("a.txt"), fs::Permissions::from_mode(0o640)).expect("a mode");
    let file = File::options().write(true).open(sandbox.path("a.txt")).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)).expect("a time");
    let mut entry = sandbox.entry("a.txt").await;
    let owner = entry["owner"].take();
    let group = entry["group"].take();
    assert!(owner.as_str().is_some_and(|name| !name.is_empty()) && group.is_string());
    assert_eq!(
        entry,
        json!({
            "name": "a.txt", "type": "FILE_TYPE_FILE", "path": sandbox.text("a.txt"), "size": 5, "mode": 0o640,
            "permissions": "-rw-r-----", "owner": null, "group": null, "modifiedTime": "2023-11-14T22:13:20.250000Z",
        })
    );
}

#[tokio::test]
async fn a_symlink_is_told_as_one_even_if_it_leads_nowhere() {
    let sandbox = Sandbox::new();
    symlink("nowhere", sandbox.path("link")).expect("a symlink");
    let entry = sandbox.entry("link").await;
    assert_eq!((&entry["type"], &entry["symlinkTarget"]), (&json!("FILE_TYPE_SYMLINK"), &json!("nowhere")));
}

#[tokio::test]
async fn folders_and_pipes_have_types_of_their_own() {
    let sandbox = Sandbox::new();
    nix::unistd::mkfifo(&sandbox.path("pipe"), Mode::S_IRWXU).expect("a pipe");
    assert_eq!(sandbox.entry(".").await["type"], "FILE_TYPE_DIRECTORY");
    assert_eq!(sandbox.entry("pipe").await["type"], "FILE_TYPE_UNSPECIFIED");
    let root = sandbox.entry("/").await;
    assert_eq!((&root["name"], &root["path"], &root["owner"]), (&json!("/"), &json!("/"), &json!("root")));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_by_its_path() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "");
    for method in ["Stat", "ListDir"] {
        let answer = sandbox.call(method, &json!({ "path": "missing" })).await;
        answer.refused(404, "not_found", &sandbox.text("missing"));
        sandbox.call(method, &json!({})).await.refused(400, "invalid_argument", "`path`");
    }
    sandbox.call("ListDir", &json!({ "path": "file" })).await.refused(400, "invalid_argument", "is not a directory");
}

#[tokio::test]
async fn a_folder_is_listed_to_the_depth_that_is_asked_for() {
    let sandbox = Sandbox::new();
    for name in ["b/x/deep", "b/c", "a", "b-c", ".hidden"] {
        sandbox.put(name, "");
    }
    let list = async |depth: Value| {
        let answer = sandbox.call("ListDir", &json!({ "path": ".", "depth": depth })).await;
        paths(&sandbox, &answer.ok())
    };
    let top = [".hidden", "a", "b", "b-c"];
    assert_eq!(list(json!(null)).await, top);
    assert_eq!(list(json!(0)).await, top);
    assert_eq!(list(json!(1)).await, top);
    assert_eq!(list(json!(2)).await, [".hidden", "a", "b", "b/c", "b/x", "b-c"]);
    assert_eq!(list(json!(99)).await, [".hidden", "a", "b", "b/c", "b/x", "b/x/deep", "b-c"]);
}

#[tokio::test]
async fn symlinks_are_listed_and_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.put("real/file", "");
    symlink("real", sandbox.path("link")).expect("a symlink");
    symlink("..", sandbox.path("real/up")).expect("a symlink");
    let answer = sandbox.call("ListDir", &json!({ "path": ".", "depth": 20 })).await.ok();
    assert_eq!(paths(&sandbox, &answer), ["link", "real", "real/file", "real/up"]);
    // But for the path itself, as people name folders by symlinks.
    let answer = sandbox.call("ListDir", &json!({ "path": "link" })).await.ok();
    assert_eq!(paths(&sandbox, &answer), ["link/file", "link/up"]);
}

#[tokio::test]
async fn a_name_that_is_no_utf_8_is_shown_with_a_mark() {
    let sandbox = Sandbox::new();
    File::create(sandbox.path("").join(OsStr::from_bytes(b"a\xffb"))).expect("a file");
    let answer = sandbox.call("ListDir", &json!({ "path": "." })).await.ok();
    assert_eq!(answer["entries"][0]["name"], "a\u{fffd}b");
}

#[tokio::test]
async fn an_empty_folder_has_an_empty_list() {
    assert_eq!(Sandbox::new().call("ListDir", &json!({ "path": "." })).await.ok(), json!({ "entries": [] }));
}
