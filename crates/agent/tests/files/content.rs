use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_text_is_told_as_a_text() {
    let sandbox = Sandbox::new();
    sandbox.put("a.md", "# Tütel\n");
    let answer = sandbox.get("/files/content?path=a.md").await.ok();
    assert_eq!(answer, json!({ "type": "text", "content": "# Tütel\n", "truncated": false }));
}

#[tokio::test]
async fn a_long_text_is_cut_at_four_characters_a_token() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "äöüß".repeat(10));
    let answer = sandbox.get("/files/content?path=a&max_tokens=2").await.ok();
    assert_eq!(answer, json!({ "type": "text", "content": "äöüßäöüß", "truncated": true }));
    let answer = sandbox.get("/files/content?path=a&max_tokens=10").await.ok();
    assert_eq!(answer["truncated"], false);
    sandbox.put("long", "x".repeat(300_000));
    let answer = sandbox.get("/files/content?path=long").await.ok();
    assert_eq!((answer["content"].as_str().map(str::len), &answer["truncated"]), (Some(100_000), &json!(true)));
}

#[tokio::test]
async fn an_image_is_told_by_its_first_bytes() {
    let sandbox = Sandbox::new();
    for (name, bytes, mime_type) in [
        ("a.txt", &b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
        ("b", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("c", b"GIF89a", "image/gif"),
        ("d", b"RIFF\x04\0\0\0WEBP", "image/webp"),
    ] {
        sandbox.put(name, bytes);
        let answer = sandbox.get(&format!("/files/content?path={name}")).await.ok();
        assert_eq!((&answer["type"], &answer["mime_type"]), (&json!("image"), &json!(mime_type)));
        assert!(answer["data"].is_string());
    }
}

#[tokio::test]
async fn an_image_is_told_whole_however_few_tokens_are_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.put("a.gif", [&b"GIF89a"[..], &[0; 300]].concat());
    let answer = sandbox.get("/files/content?path=a.gif&max_tokens=1").await.ok();
    assert_eq!(answer["data"].as_str().map(str::len), Some(306 / 3 * 4));
}

#[tokio::test]
async fn a_binary_and_a_huge_image_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.put("program", b"\x7fELF\0\0\0");
    sandbox.get("/files/content?path=program").await.refused(400, "invalid_argument", "neither a text nor an image");
    sandbox.put("huge.gif", [&b"GIF89a"[..], &vec![0; 21 * 1024 * 1024]].concat());
    sandbox.get("/files/content?path=huge.gif").await.refused(400, "invalid_argument", "are the most");
}

#[tokio::test]
async fn a_strange_count_of_tokens_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "");
    sandbox.get("/files/content?path=a&max_tokens=0").await.refused(400, "invalid_argument", "`max_tokens`");
    sandbox.get("/files/content?path=a&max_tokens=x").await.refused(400, "invalid_argument", "max_tokens");
}
