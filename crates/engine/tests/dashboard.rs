//! The page at `/`: a few files without a key, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use sandbar_engine::http::{HttpConfig, UrlConfig};
use sandbar_protocol::Secret;
use serde_json::Value;
use support::{KEY, TestEngine};
use tower::ServiceExt;

async fn ask(engine: &TestEngine, method: &str, path: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    engine.router.clone().oneshot(request).await.unwrap()
}

async fn code(response: Response<Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice::<Value>(&bytes).map_or(Value::Null, |body| body["error"]["code"].clone()))
}

#[tokio::test]
async fn the_page_and_its_files_need_no_key() {
    let engine = TestEngine::start_in_memory().await;
    let page = engine.text("/", None).await;
    if sandbar_dashboard::FILES.is_empty() {
        assert_eq!(page.0, 404);
        assert!(page.1.contains("`npm run build`"), "{}", page.1);
    } else {
        assert_eq!(page.0, 200);
        assert!(page.1.starts_with("<!doctype html>"), "{}", page.1);
    }
    for file in sandbar_dashboard::FILES.iter().filter(|file| file.is_hashed()) {
        let response = ask(&engine, "GET", file.path).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &file.content_type.parse().unwrap())
        );
        let head = ask(&engine, "HEAD", file.path).await;
        assert_eq!(head.headers()["content-length"], file.plain.len().to_string());
        assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}

#[tokio::test]
async fn no_path_leads_to_another_file() {
    let engine = TestEngine::start_in_memory().await;
    for path in [
        "/index.html/",
        "/assets/",
        "/assets/..%2findex.html",
        "/assets/../index.html",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/assets//etc/passwd",
        "/assets/x.js",
        "/dist/index.html",
        "/favicon.ico",
        "/Cargo.toml",
    ] {
        assert_eq!(code(ask(&engine, "GET", path).await).await, (404, "route_not_found".into()), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_written_there() {
    let engine = TestEngine::start_in_memory().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let response = ask(&engine, method, "/").await;
        assert_eq!(response.headers()["allow"], "GET,HEAD", "{method}");
        assert_eq!(code(response).await, (405, "method_not_allowed".into()), "{method}");
    }
}

#[tokio::test]
async fn an_engine_without_it_has_no_such_route() {
    let engine = TestEngine::start_in_memory().await;
    let http = HttpConfig {
        api_key: Secret::new(KEY),
        local_authority: "127.0.0.1:1".to_owned(),
        urls: UrlConfig::default(),
        dashboard: false,
        max_connections: 1000,
    };
    let router = sandbar_engine::http::router(engine.service.clone(), http);
    for path in ["/", "/favicon.svg", "/assets/x.js"] {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(code(response).await, (404, "route_not_found".into()), "{path}");
    }
}

#[tokio::test]
async fn the_host_name_of_a_sandboxs_port_has_no_dashboard() {
    let engine = TestEngine::start_in_memory().await;
    let request = Request::get("/").header("host", "3000-sb-a1.localhost:7410").body(Body::empty()).unwrap();
    let answer = engine.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.text("code")), (404, "sandbox_not_found"));
}
