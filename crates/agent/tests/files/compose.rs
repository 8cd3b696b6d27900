use std::fs::{self, File};

use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn files_are_composed_in_order_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.put("1", "one ");
    sandbox.put("2", "two ");
    let request = json!({ "source_paths": ["2", "1", "2"], "destination": "deep/all" });
    let answer = sandbox.post_json("/files/compose", &request).await;
    assert_eq!(answer.ok(), json!({ "path": sandbox.text("deep/all"), "name": "all", "type": "file" }));
    assert_eq!(sandbox.content("deep/all"), "two one two ");
    assert_eq!(sandbox.names("."), ["deep"]);
}

#[tokio::test]
async fn a_file_may_be_composed_of_itself() {
    let sandbox = Sandbox::new();
    sandbox.put("log", "old ");
    sandbox.put("more", "new");
    let request = json!({ "source_paths": ["log", "more"], "destination": "log" });
    sandbox.post_json("/files/compose", &request).await.ok();
    assert_eq!(sandbox.content("log"), "old new");
    assert_eq!(sandbox.names("."), ["log"]);
}

#[tokio::test]
async fn a_source_that_is_missing_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.put("1", "one");
    sandbox.put("all", "old");
    let compose = async |body| sandbox.post_json("/files/compose", &body).await;
    let answer = compose(json!({ "source_paths": ["1", "missing"], "destination": "all" })).await;
    answer.refused(404, "not_found", &sandbox.text("missing"));
    let answer = compose(json!({ "source_paths": [], "destination": "all" })).await;
    answer.refused(400, "invalid_argument", "`source_paths` is empty");
    let answer = compose(json!({ "source_paths": ["1"], "destination": "" })).await;
    answer.refused(400, "invalid_argument", "`destination` is empty");
    assert_eq!((sandbox.content("all").as_str(), sandbox.names(".").len()), ("old", 2));
}

#[tokio::test]
async fn a_large_file_is_composed_in_steps() {
    let sandbox = Sandbox::new();
    let hole = File::create(sandbox.path("hole")).expect("a file");
    hole.set_len(150 * 1024 * 1024).expect("a hole");
    sandbox.put("end", "end");
    let request = json!({ "source_paths": ["hole", "end"], "destination": "all" });
    sandbox.post_json("/files/compose", &request).await.ok();
    assert_eq!(fs::metadata(sandbox.path("all")).expect("a file").len(), 150 * 1024 * 1024 + 3);
    let answer = sandbox.get_range("/files?path=all", "bytes=-4").await;
    assert_eq!(answer.body.as_ref(), b"\0end");
}
