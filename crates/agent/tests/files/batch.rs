use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_batch_writes_many_files() {
    let sandbox = Sandbox::new();
    let files: Vec<_> =
        (0..500).map(|n| json!({ "path": format!("d{}/f{n}", n % 10), "content": n.to_string() })).collect();
    let answer = sandbox.post_json("/files/batch", &json!({ "files": files })).await.ok();
    assert_eq!(answer["files"][499], json!({ "path": sandbox.text("d9/f499"), "bytes_written": 3 }));
    assert_eq!(sandbox.content("d3/f103"), "103");
    assert_eq!(sandbox.names("d0").len(), 50);
}

#[tokio::test]
async fn a_batch_that_fails_says_where_and_how_many_were_written() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/x", "");
    let files =
        json!([{ "path": "a", "data": "aGk" }, { "path": "folder", "content": "x" }, { "path": "b", "content": "" }]);
    let answer = sandbox.post_json("/files/batch", &json!({ "files": files })).await;
    answer.refused(400, "invalid_argument", &sandbox.text("folder"));
    answer.refused(400, "invalid_argument", "file 2 of 3; written before it: 1");
    assert_eq!((sandbox.content("a").as_str(), sandbox.names(".").len()), ("hi", 2));
}
