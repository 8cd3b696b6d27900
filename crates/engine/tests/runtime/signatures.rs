//! Signed URLs, as the public service's clients make them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use crate::scene::{Scene, header, status};

/// A query with its signature; the expiration is in the query and in the signature.
pub(crate) fn signed(scene: &Scene, operation: &str, path: &str, expiration: Option<i64>) -> String {
    let end = expiration.map(|end| format!(":{end}")).unwrap_or_default();
    let digest = Sha256::digest(format!("{path}:{operation}::{}{end}", scene.token));
    let signature = format!("v1_{}", BASE64_STANDARD_NO_PAD.encode(digest));
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !path.is_empty() {
        query.append_pair("path", path);
    }
    if let Some(end) = expiration {
        query.append_pair("signature_expiration", &end.to_string());
    }
    query.append_pair("signature", &signature).finish()
}

fn get(query: &str) -> String {
    format!("GET /envd/{{id}}/files?{query} HTTP/1.1\r\nhost: engine\r\n\r\n")
}

fn post(query: &str, headers: &str) -> String {
    format!("POST /envd/{{id}}/files?{query} HTTP/1.1\r\nhost: engine\r\ncontent-length: 0\r\n{headers}\r\n")
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap()
}

#[tokio::test]
async fn a_signed_url_reads_its_file_and_the_signature_goes_no_further() {
    let scene = Scene::set().await;
    let end = scene.engine.service.now().as_second() + 60;
    let query = signed(&scene, "read", "/root/a b+ü.txt", Some(end));
    for method in ["GET", "HEAD"] {
        for route in ["/files", "/file"] {
            let head = scene.passes(&get(&query).replace("GET", method).replace("/files", route)).await;
            assert_eq!(first_line(&head), format!("{method} {route}?path=%2Froot%2Fa+b%2B%C3%BC.txt HTTP/1.1"));
        }
    }
}

#[tokio::test]
async fn a_signed_url_writes_its_file() {
    let scene = Scene::set().await;
    let query = signed(&scene, "write", "/root/a", None);
    for (given, passed) in [
        ("", "application/octet-stream"),
        ("content-type: text/plain\r\n", "application/octet-stream"),
        ("content-type: multipart/form-data; boundary=X\r\n", "multipart/form-data; boundary=X"),
    ] {
        let head = scene.passes(&post(&query, given)).await;
        assert_eq!(first_line(&head), "POST /files?path=%2Froot%2Fa HTTP/1.1");
        assert_eq!(header(&head, "content-type"), Some(passed));
    }
}

#[tokio::test]
async fn a_mode_is_no_part_of_what_was_signed() {
    let scene = Scene::set().await;
    let query = format!("{}&mode=511", signed(&scene, "write", "/root/a", None));
    let head = scene.passes(&post(&query, "")).await;
    assert_eq!(first_line(&head), "POST /files?path=%2Froot%2Fa HTTP/1.1");
}

#[tokio::test]
async fn an_upload_may_be_signed_without_a_path() {
    let scene = Scene::set().await;
    let query = signed(&scene, "write", "", None);
    let head = scene.passes(&post(&query, "content-type: multipart/form-data; boundary=X\r\n")).await;
    assert_eq!(first_line(&head), "POST /files HTTP/1.1");
}

#[tokio::test]
async fn a_body_can_not_name_another_path_than_the_signed_one() {
    let scene = Scene::set().await;
    let query = signed(&scene, "write", "/root/a", None);
    for headers in [
        "content-type: application/json\r\n",
        "content-type: Application/JSON; charset=utf-8\r\n",
        "content-type: application/vnd.x+json\r\n",
        "content-type: text/plain\r\ncontent-type: application/json\r\n",
    ] {
        assert_eq!(scene.refusal(&post(&query, headers)).await.0, 400, "{headers}");
    }
}

#[tokio::test]
async fn a_signature_opens_nothing_but_what_was_signed() {
    let scene = Scene::set().await;
    let read = signed(&scene, "read", "/root/a", None);
    let write = signed(&scene, "write", "/root/a", None);
    let other = read.replace("a&", "b&");
    let as_user = format!("{read}&username=root");
    for said in
        [get(&write), post(&read, ""), get(&other), get(&as_user), get("path=/root/a&signature=v1_"), get("signature")]
    {
        let (status, message) = scene.refusal(&said).await;
        assert_eq!(status, 401, "{said}");
        assert!(message.starts_with("the signature does not fit"), "{message}");
    }
}

#[tokio::test]
async fn a_signature_is_for_files_alone() {
    let scene = Scene::set().await;
    let (read, write) = (signed(&scene, "read", "/root/a", None), signed(&scene, "write", "/root/a", None));
    let routes = [
        "/files/content",
        "/files/",
        "/files/batch",
        "/files/compose",
        "/envs",
        "/proxy/3000/",
        "/proxy/3000/files",
        "/%66iles",
    ];
    for route in routes {
        assert_eq!(scene.refusal(&get(&read).replace("/files", route)).await.0, 401, "{route}");
        assert_eq!(scene.refusal(&post(&write, "").replace("/files", route)).await.0, 401, "{route}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(scene.refusal(&get(&read).replace("GET", method)).await.0, 401, "{method}");
    }
}

#[tokio::test]
async fn a_second_path_beside_the_signed_one_is_refused() {
    let scene = Scene::set().await;
    let read = signed(&scene, "read", "/root/a", None);
    for more in ["path=/etc/passwd", "p%61th=/etc/passwd"] {
        assert_eq!(scene.refusal(&get(&format!("{read}&{more}"))).await.0, 400, "{more}");
        assert_eq!(scene.refusal(&get(&format!("{more}&{read}"))).await.0, 400, "{more}");
    }
}

#[tokio::test]
async fn a_signature_ends_with_its_time_and_says_so() {
    let scene = Scene::set().await;
    let now = scene.engine.service.now().as_second();
    let query = signed(&scene, "read", "/root/a", Some(now + 60));
    scene.passes(&get(&query)).await;
    scene.engine.clock.advance(std::time::Duration::from_secs(61));
    let (status, message) = scene.refusal(&get(&query)).await;
    assert_eq!(status, 401);
    assert!(message.starts_with(&format!("the signature expired at {}", now + 60)), "{message}");
    let later = query.replace(&(now + 60).to_string(), &(now + 6000).to_string());
    assert!(scene.refusal(&get(&later)).await.1.starts_with("the signature does not fit"));
}

#[tokio::test]
async fn a_resume_makes_signatures_void() {
    let mut scene = Scene::set().await;
    let old = signed(&scene, "read", "/root/a", None);
    scene.resume().await;
    assert_eq!(scene.refusal(&get(&old)).await.0, 401);
    scene.passes(&get(&signed(&scene, "read", "/root/a", None))).await;
}

#[tokio::test]
async fn who_has_the_token_needs_no_signature_and_a_stray_one_goes_no_further() {
    let scene = Scene::set().await;
    let said =
        get("path=/a&signature=v1_x&signature_expiration=1").replace("engine", "engine\r\nx-access-token: {token}");
    assert_eq!(first_line(&scene.passes(&said).await), "GET /files?path=/a HTTP/1.1");
    let program = said.replace("/files", "/proxy/3000/files");
    assert_eq!(
        first_line(&scene.passes(&program).await),
        "GET /proxy/3000/files?path=/a&signature=v1_x&signature_expiration=1 HTTP/1.1",
        "a program may have parameters of these names"
    );
    let (head, _) = scene.answered(&get("path=/a&signature=v1_x&signature_expiration=1")).await;
    assert_eq!(status(&head), 401);
}
