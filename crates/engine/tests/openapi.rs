//! The engine's description of itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use support::{KEY, TestEngine};

async fn document() -> Value {
    let engine = TestEngine::start().await;
    let answer = engine.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "it needs no key");
    answer.json
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        item.as_object().unwrap().clone().into_iter().map(move |(method, operation)| (method, path.clone(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn the_document_in_docs_is_the_one_that_is_served() {
    let served = serde_json::to_string_pretty(&document().await).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("SANDBAR_UPDATE").is_some() {
        fs::write(&file, &served).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == served, "docs/openapi.json is old: run this test with SANDBAR_UPDATE=1");
}

#[tokio::test]
async fn every_operation_that_is_described_is_served() {
    let engine = TestEngine::start().await;
    let operations = operations(&document().await);
    assert!(operations.len() > 45, "{}", operations.len());
    for (method, path, _) in operations {
        let path: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part }).collect();
        let path = path.join("/");
        let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path).header("x-api-key", KEY);
        let response = tower::ServiceExt::oneshot(engine.router.clone(), request.body(Body::empty()).unwrap());
        let response = response.await.unwrap();
        assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        if response.status() != StatusCode::NOT_FOUND {
            continue;
        }
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("route_not_found"), "{method} {path}");
    }
}

#[tokio::test]
async fn every_operation_has_a_summary_and_its_refusals() {
    for (method, path, operation) in operations(&document().await) {
        let has = |status: &str| operation["responses"].get(status).is_some();
        assert!(operation["operationId"].is_string() && operation["summary"].is_string(), "{method} {path}");
        assert!(!path.contains("{sandboxID}") || has("404"), "{method} {path}");
        let of_runtime = path.starts_with("/envd/");
        assert!(of_runtime || operation.get("requestBody").is_some() == has("413"), "{method} {path}");
        let needs_key = operation.get("security").is_none();
        let needs_token = operation["security"][0].get("accessToken").is_some();
        assert_eq!(needs_key || needs_token, has("401"), "{method} {path}");
        assert_eq!(of_runtime, has("502"), "{method} {path}");
    }
}

#[tokio::test]
async fn bodies_that_the_document_forbids_are_the_ones_that_are_refused() {
    let document = document().await;
    for name in ["CreateOptions", "ConnectOptions", "TimeoutOptions", "RefreshOptions", "Heartbeat"] {
        assert_eq!(document["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}

#[tokio::test]
async fn the_engines_and_the_runtimes_shapes_have_names_of_their_own() {
    let schemas = &document().await["components"]["schemas"];
    assert!(schemas["Health"]["properties"].get("version").is_some());
    assert!(schemas["RuntimeHealth"]["properties"].get("commandsMs").is_some());
}
