use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn folders_are_made_with_their_modes_and_those_above_them() {
    let sandbox = Sandbox::new();
    let folders = json!([{ "path": "a/b", "mode": 0o700 }, { "path": "a/c" }, { "path": "a/b/d", "mode": 0o1777 }]);
    let answer = sandbox.post_json("/files/folders", &json!({ "folders": folders })).await;
    let made = |name: &str, mode: u32| json!({ "path": sandbox.text(name), "created": true, "mode": mode });
    let usual = sandbox.mode("a");
    assert_eq!(answer.ok(), json!({ "folders": [made("a/b", 0o700), made("a/c", usual), made("a/b/d", 0o1777)] }));
    assert_eq!((sandbox.mode("a/b"), sandbox.mode("a/b/d")), (0o700, 0o1777));
}

#[tokio::test]
async fn a_folder_that_is_there_keeps_its_mode_unless_it_is_to_change() {
    let sandbox = Sandbox::new();
    sandbox.put("a/file", "");
    fs::set_permissions(sandbox.path("a"), fs::Permissions::from_mode(0o750)).expect("a mode");
    let request = |change| json!({ "folders": [{ "path": "a", "mode": 0o500 }], "changeExisting": change });
    let answer = sandbox.post_json("/files/folders", &request(false)).await;
    let told = json!({ "folders": [{ "path": sandbox.text("a"), "created": false, "mode": 0o750 }] });
    assert_eq!((answer.ok(), sandbox.mode("a")), (told.clone(), 0o750));
    assert_eq!(sandbox.post_json("/files/folders", &request(true)).await.ok(), told, "as it was before");
    assert_eq!(sandbox.mode("a"), 0o500);
}

#[tokio::test]
async fn what_can_not_be_a_folder_is_refused_by_its_path() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "");
    let make = async |path: &str, mode: u32| {
        sandbox.post_json("/files/folders", &json!({ "folders": [{ "path": path, "mode": mode }] })).await
    };
    make("file", 0o700).await.refused(409, "already_exists", &sandbox.text("file"));
    make("file/below", 0o700).await.refused(400, "invalid_argument", "is not a directory");
    make("a", 4096).await.refused(400, "invalid_argument", "`mode`");
    make("", 0o700).await.refused(400, "invalid_argument", "`path` is empty");
    assert_eq!(sandbox.names("."), ["file"]);
}
