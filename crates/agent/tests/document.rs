//! The engine's description of the runtime API, held against what the agent serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use sandbar_protocol::BootConfig;
use serde_json::Value;
use tower::ServiceExt;

const ENVD: &str = "/envd/{sandboxID}";

fn document() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[tokio::test]
async fn every_route_that_the_document_has_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let workdir = Some(folder.path().display().to_string());
    let router = sandbar_agent::router(&BootConfig { workdir, ..BootConfig::default() });
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let mut count = 0;
    for (path, item) in paths.iter().filter_map(|(path, item)| Some((path.strip_prefix(ENVD)?, item))) {
        for method in item.as_object().unwrap().keys() {
            // A port that is none is refused as such.
            let uri = path.replace("{port}", "0");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&uri);
            let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            if response.status() == StatusCode::NOT_FOUND {
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_ne!(body["code"], "unimplemented", "{method} {path}");
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[tokio::test]
async fn a_list_is_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let workdir = Some(folder.path().display().to_string());
    let router = sandbar_agent::router(&BootConfig { workdir, ..BootConfig::default() });
    for (path, body) in [
        ("/run", r#"["true"]"#),
        ("/process.Process/Start", r#" [{"cmd":"true"}]"#),
        ("/files/batch", "[[]]"),
        ("/filesystem.Filesystem/Stat", r#"["/"]"#),
    ] {
        let request = Request::post(path).header("content-type", "application/json").body(Body::from(body)).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("it is a list, where an object is needed"), "{body:?}");
    }
}
