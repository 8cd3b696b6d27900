use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use nix::sys::stat::Mode;
use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_folder_is_made_with_those_above_it() {
    let sandbox = Sandbox::new();
    let entry = sandbox.call("MakeDir", &json!({ "path": "a/b/c" })).await.ok()["entry"].clone();
    assert_eq!((&entry["type"], &entry["path"]), (&json!("FILE_TYPE_DIRECTORY"), &json!(sandbox.text("a/b/c"))));
    assert!(sandbox.path("a/b/c").is_dir());
}

#[tokio::test]
async fn a_folder_is_not_made_where_something_is() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/file", "");
    symlink("nowhere", sandbox.path("link")).expect("a symlink");
    for path in ["folder", "folder/file", "link", "/"] {
        sandbox.call("MakeDir", &json!({ "path": path })).await.refused(409, "already_exists", "exists already");
    }
    let answer = sandbox.call("MakeDir", &json!({ "path": "folder/file/x" })).await;
    answer.refused(400, "invalid_argument", "is not a directory");
}

#[tokio::test]
async fn a_folder_is_removed_with_all_that_is_in_it_and_nothing_behind_symlinks() {
    let sandbox = Sandbox::new();
    sandbox.put("kept/file", "kept");
    sandbox.put("gone/deep/file", "");
    symlink("../kept", sandbox.path("gone/link")).expect("a symlink");
    assert_eq!(sandbox.call("Remove", &json!({ "path": "gone" })).await.ok(), json!({}));
    assert_eq!(sandbox.names("."), ["kept"]);
    assert_eq!(sandbox.content("kept/file"), "kept");
}

#[tokio::test]
async fn remove_takes_folders_that_are_nested_beyond_any_path() {
    let sandbox = Sandbox::in_memory();
    sandbox.put("kept", "");
    sandbox.nest("deep", 15_000);
    sandbox.call("Remove", &json!({ "path": "deep" })).await.ok();
    assert_eq!(sandbox.names("."), ["kept"]);
}

#[tokio::test]
async fn every_call_answers_when_folders_are_nested_beyond_any_path() {
    let sandbox = Sandbox::in_memory();
    sandbox.nest("deep", 15_000);
    let nested = "x/".repeat(2_000);
    let listed = sandbox.call("ListDir", &json!({ "path": "deep", "depth": 100_000 })).await.ok();
    // Down to where paths end.
    assert!(listed["entries"].as_array().is_some_and(|entries| entries.len() > 1_500));
    sandbox.call("MakeDir", &json!({ "path": format!("made/{nested}") })).await.ok();
    for path in [format!("made/{nested}{nested}"), "x/".repeat(1_000_000)] {
        let answer = sandbox.call("MakeDir", &json!({ "path": path })).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
    }
    let watch = json!({ "path": "deep", "recursive": true });
    sandbox.call("CreateWatcher", &watch).await.ok();
    if let Some(other) = elsewhere(&sandbox) {
        let target = other.path().join("moved");
        let answer = sandbox.call("Move", &json!({ "source": "deep", "destination": target })).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        assert_eq!(fs::read_dir(other.path()).expect("a folder").count(), 0);
    }
    for name in ["deep", "made"] {
        sandbox.call("Remove", &json!({ "path": name })).await.ok();
    }
    assert!(sandbox.names(".").is_empty());
}

#[tokio::test]
async fn of_a_symlink_only_itself_is_removed() {
    let sandbox = Sandbox::new();
    sandbox.put("kept/file", "kept");
    symlink("kept", sandbox.path("link")).expect("a symlink");
    symlink("nowhere", sandbox.path("dangling")).expect("a symlink");
    for path in ["link", "dangling"] {
        sandbox.call("Remove", &json!({ "path": path })).await.ok();
    }
    assert_eq!(sandbox.names("."), ["kept"]);
    assert_eq!(sandbox.names("kept"), ["file"]);
}

#[tokio::test]
async fn what_is_not_there_is_not_removed() {
    let sandbox = Sandbox::new();
    let answer = sandbox.call("Remove", &json!({ "path": "missing" })).await;
    answer.refused(404, "not_found", &sandbox.text("missing"));
}

#[tokio::test]
async fn what_the_sandbox_needs_is_neither_removed_nor_moved() {
    let sandbox = Sandbox::new();
    let above = sandbox.path("..").canonicalize().expect("a folder").display().to_string();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let detour = elsewhere.path().join("detour");
    symlink(&above, &detour).expect("a symlink");
    let name = sandbox.path("").file_name().expect("a name").to_owned();
    let by_detour = detour.join(name).display().to_string();
    for path in ["/", "~", "/root", ".", above.as_str(), by_detour.as_str()] {
        let answer = sandbox.call("Remove", &json!({ "path": path })).await;
        answer.refused(403, "permission_denied", "can't remove");
        let answer = sandbox.call("Move", &json!({ "source": path, "destination": "x" })).await;
        answer.refused(403, "permission_denied", "can't move");
    }
    assert!(sandbox.path("").is_dir());
}

#[tokio::test]
async fn a_file_is_moved_over_another_into_a_folder_that_is_made() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "one");
    let entry = sandbox.call("Move", &json!({ "source": "a", "destination": "x/y/b" })).await.ok()["entry"].clone();
    assert_eq!((&entry["name"], &entry["size"]), (&json!("b"), &json!(3)));
    sandbox.put("c", "two");
    sandbox.call("Move", &json!({ "source": "c", "destination": "x/y/b" })).await.ok();
    assert_eq!((sandbox.content("x/y/b").as_str(), sandbox.names(".")), ("two", vec!["x".to_owned()]));
}

#[tokio::test]
async fn a_symlink_is_moved_itself() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "kept");
    symlink("file", sandbox.path("link")).expect("a symlink");
    sandbox.call("Move", &json!({ "source": "link", "destination": "other" })).await.ok();
    assert!(sandbox.path("other").is_symlink());
    assert_eq!(sandbox.names("."), ["file", "other"]);
}

#[tokio::test]
async fn a_move_that_can_not_be_names_what_is_in_the_way() {
    let sandbox = Sandbox::new();
    sandbox.put("full/file", "");
    sandbox.put("folder/x", "");
    sandbox.put("file", "");
    let attempt = async |source: &str, destination: &str| {
        sandbox.call("Move", &json!({ "source": source, "destination": destination })).await
    };
    attempt("missing", "x").await.refused(404, "not_found", &sandbox.text("missing"));
    attempt("folder", "folder/in").await.refused(400, "invalid_argument", "within itself");
    attempt("folder", "full").await.refused(400, "failed_precondition", &sandbox.text("full"));
    attempt("folder", "file").await.refused(400, "invalid_argument", &sandbox.text("file"));
    attempt("file", "full").await.refused(400, "invalid_argument", &sandbox.text("full"));
    attempt("", "x").await.refused(400, "invalid_argument", "`source` is empty");
    attempt("file", "").await.refused(400, "invalid_argument", "`destination` is empty");
    assert_eq!(sandbox.names("."), ["file", "folder", "full"]);
}

/// A folder on another file system than the sandbox's, if this machine has one.
fn elsewhere(sandbox: &Sandbox) -> Option<tempfile::TempDir> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let mut folders = [tempfile::tempdir_in("/dev/shm"), tempfile::tempdir()].into_iter().flatten();
    folders.find(|folder| device(folder.path()) != device(&sandbox.path("")))
}

#[tokio::test]
async fn a_folder_is_moved_to_another_file_system_with_modes_times_and_symlinks() {
    let sandbox = Sandbox::new();
    let Some(other) = elsewhere(&sandbox) else { return };
    sandbox.put("folder/deep/run", "x");
    symlink("deep/run", sandbox.path("folder/link")).expect("a symlink");
    fs::set_permissions(sandbox.path("folder/deep/run"), fs::Permissions::from_mode(0o751)).expect("a mode");
    fs::set_permissions(sandbox.path("folder/deep"), fs::Permissions::from_mode(0o500)).expect("a mode");
    let modified = fs::metadata(sandbox.path("folder/deep/run")).expect("a file").modified().expect("a time");
    let target = other.path().join("moved");
    sandbox.call("Move", &json!({ "source": "folder", "destination": target })).await.ok();
    assert!(sandbox.names(".").is_empty());
    let moved = fs::metadata(target.join("deep/run")).expect("a file");
    assert_eq!((moved.permissions().mode() & 0o777, moved.modified().expect("a time")), (0o751, modified));
    assert_eq!(fs::metadata(target.join("deep")).expect("a folder").permissions().mode() & 0o777, 0o500);
    assert_eq!(fs::read_link(target.join("link")).expect("a symlink"), Path::new("deep/run"));
    assert_eq!(fs::read_dir(other.path()).expect("a folder").count(), 1);
}

#[tokio::test]
async fn a_move_to_another_file_system_that_fails_leaves_everything_as_it_was() {
    let sandbox = Sandbox::new();
    let Some(other) = elsewhere(&sandbox) else { return };
    sandbox.put("folder/file", "x");
    nix::unistd::mkfifo(&sandbox.path("folder/pipe"), Mode::S_IRWXU).expect("a pipe");
    let target = other.path().join("moved");
    let answer = sandbox.call("Move", &json!({ "source": "folder", "destination": target })).await;
    answer.refused(400, "invalid_argument", &sandbox.text("folder/pipe"));
    assert_eq!(sandbox.names("folder"), ["file", "pipe"]);
    assert_eq!(fs::read_dir(other.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_text_that_is_there_once_is_replaced() {
    let sandbox = Sandbox::new();
    sandbox.put("a.rs", "fn äl() {}\nfn b() {}\n");
    fs::set_permissions(sandbox.path("a.rs"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let edit = json!({ "path": "a.rs", "oldText": "fn äl()", "newText": "fn c(x: u8)" });
    let answer = sandbox.call("Edit", &edit).await.ok();
    assert!(answer["message"].as_str().is_some_and(|message| message.contains(&sandbox.text("a.rs"))));
    assert_eq!((sandbox.content("a.rs").as_str(), sandbox.mode("a.rs")), ("fn c(x: u8) {}\nfn b() {}\n", 0o600));
}

#[tokio::test]
async fn an_edit_that_is_not_clear_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "one two two");
    sandbox.put("binary", [0xff, 0xfe]);
    let edit = async |path: &str, old: &str| {
        sandbox.call("Edit", &json!({ "path": path, "oldText": old, "newText": "x" })).await
    };
    edit("a", "three").await.refused(404, "not_found", &sandbox.text("a"));
    edit("a", "two").await.refused(400, "invalid_argument", "2 times");
    edit("a", "").await.refused(400, "invalid_argument", "`oldText` is empty");
    edit("missing", "x").await.refused(404, "not_found", &sandbox.text("missing"));
    edit("binary", "x").await.refused(400, "invalid_argument", "no text in UTF-8");
    edit(".", "x").await.refused(400, "invalid_argument", "is a directory");
    assert_eq!(sandbox.content("a"), "one two two");
}

#[tokio::test]
async fn a_move_onto_another_name_of_the_same_file_leaves_that_one_alone() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "content");
    fs::hard_link(sandbox.path("a"), sandbox.path("b")).expect("a link");
    let answer = sandbox.call("Move", &json!({ "source": "a", "destination": "b" })).await;
    assert_eq!(answer.ok()["entry"]["path"], sandbox.text("b"));
    assert_eq!((sandbox.names("."), sandbox.content("b")), (vec!["b".to_owned()], "content".to_owned()));
}

#[tokio::test]
async fn a_move_onto_itself_changes_nothing_whichever_way_leads_there() {
    let sandbox = Sandbox::new();
    sandbox.put("in/a", "content");
    symlink("in", sandbox.path("also")).expect("a symlink");
    for destination in ["in/a", "also/a"] {
        sandbox.call("Move", &json!({ "source": "in/a", "destination": destination })).await.ok();
        assert_eq!(sandbox.content("in/a"), "content", "{destination}");
    }
}
