//! How clients come to the engine: through proxies, by targets in absolute form, and with one side closed.

use sandbar_engine::Settings;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::scene::{Scene, header, status};

fn detail(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: inner:80\r\nx-api-key: test-key\r\n{more}\r\n")
}

fn no_proxy(_: &mut Settings) {}

#[tokio::test]
async fn envd_url_is_https_when_trusted_proxy_says_so() {
    let scene = Scene::set().await;
    let target = format!("/api/v1/sandboxes/{}", scene.id);
    let proxied = "x-forwarded-proto: https\r\nx-forwarded-host: a.example\r\n";
    let (_, answer) = scene.answered(&detail(&target, proxied)).await;
    assert_eq!(answer["envdUrl"], format!("https://a.example/envd/{}", scene.id));
}

#[tokio::test]
async fn forwarded_headers_do_not_count_when_client_is_not_trusted() {
    let scene = Scene::set_with(no_proxy).await;
    let target = format!("/api/v1/sandboxes/{}", scene.id);
    let proxied =
        "x-forwarded-proto: https\r\nx-forwarded-host: a.example\r\nforwarded: host=a.example;proto=https\r\n";
    let (_, answer) = scene.answered(&detail(&target, proxied)).await;
    assert_eq!(answer["envdUrl"], format!("http://inner:80/envd/{}", scene.id));
    let more =
        "x-access-token: {token}\r\nx-forwarded-proto: https\r\nx-forwarded-for: 1.2.3.4\r\nforwarded: for=1.2.3.4\r\n";
    let head = scene.passes(&format!("GET /envd/{{id}}/proxy/3000/ HTTP/1.1\r\nhost: engine\r\n{more}\r\n")).await;
    assert_eq!((header(&head, "x-forwarded-host"), header(&head, "x-forwarded-proto")), (Some("engine"), Some("http")));
    assert_eq!((header(&head, "x-forwarded-for"), header(&head, "forwarded")), (None, None));
}

#[tokio::test]
async fn envd_url_starts_with_public_url() {
    let public =
        |settings: &mut Settings| settings.urls.public_url = Some("https://a.example/sandbar".parse().unwrap());
    let scene = Scene::set_with(public).await;
    let (_, answer) = scene.answered(&detail(&format!("/api/v1/sandboxes/{}", scene.id), "")).await;
    assert_eq!(answer["envdUrl"], format!("https://a.example/sandbar/envd/{}", scene.id));
    let more = "host: 3000-{id}.a.example\r\nx-access-token: {token}\r\n";
    let head = scene.passes(&format!("GET / HTTP/1.1\r\n{more}\r\n")).await;
    let host = format!("3000-{}.a.example", scene.id);
    let forwarded = ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"].map(|name| header(&head, name));
    assert_eq!(forwarded, [Some(host.as_str()), Some("https"), None]);
}

#[tokio::test]
async fn target_in_absolute_form_is_routed_and_named() {
    let scene = Scene::set_with(no_proxy).await;
    for target in ["http://a.example:81/api/v1/sandboxes/{id}", "HTTP://a.example:81/sandboxes/{id}"] {
        let (head, answer) = scene.answered(&detail(target, "")).await;
        assert_eq!(status(&head), 200, "{target}");
        assert_eq!(answer["envdUrl"], format!("http://a.example:81/envd/{}", scene.id));
    }
    let said = "GET http://3000-{id}.localhost/a HTTP/1.1\r\nhost: engine\r\nx-access-token: {token}\r\n\r\n";
    let head = scene.passes(said).await;
    assert!(head.starts_with("GET /proxy/3000/a HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "x-forwarded-host"), Some(format!("3000-{}.localhost", scene.id).as_str()));
    let said = "GET http://a.example/envd/{id}/metrics HTTP/1.1\r\nhost: b\r\nx-access-token: {token}\r\n\r\n";
    assert!(scene.passes(said).await.starts_with("GET /metrics HTTP/1.1\r\n"));
}

#[tokio::test]
async fn cookie_of_preview_is_secure_over_https() {
    let scene = Scene::set().await;
    let host = "host: 3000-{id}.localhost\r\nx-forwarded-proto: https\r\n";
    let (head, _) = scene.answered(&format!("GET /?access_token={{token}} HTTP/1.1\r\n{host}\r\n")).await;
    assert!(header(&head, "set-cookie").unwrap().ends_with("; Secure"), "{head}");
}

#[tokio::test]
async fn client_that_closes_its_sending_side_is_told_of_its_sandbox() {
    let scene = Scene::set_with(no_proxy).await;
    let permits = scene.engine.driver.starts.available_permits();
    scene.engine.driver.starts.forget_permits(permits);
    let body = json!({ "waitReady": true }).to_string();
    let length = body.len();
    let mut client = scene
        .client(&format!(
            "POST /api/v1/sandboxes HTTP/1.1\r\nhost: x\r\nx-api-key: test-key\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    client.0.shutdown().await.unwrap();
    while scene.engine.get("/sandboxes?state=starting").await.json == json!([]) {
        tokio::task::yield_now().await;
    }
    scene.engine.driver.starts.add_permits(10);
    let head = client.head().await;
    assert_eq!(status(&head), 201);
    let mut answer = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
    tokio::io::AsyncReadExt::read_exact(&mut client.0, &mut answer).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["state"], "running");
    client.hears_the_end().await;
}

#[tokio::test]
async fn large_body_is_drained_before_it_is_refused() {
    let scene = Scene::set_with(no_proxy).await;
    let body = "x".repeat(8 << 20);
    let said = |key: &str| {
        format!(
            "POST /api/v1/sandboxes HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {}\r\n\r\n{body}",
            8 << 20
        )
    };
    for (key, refusal) in [("test-key", 413), ("guess", 401)] {
        let mut client = scene.client(&said(key)).await;
        assert_eq!(status(&client.head().await), refusal);
    }
}
