//! Templates over HTTP, with a fake driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use sandbar_engine::service::{Service, ServiceParts};
use sandbar_engine::templates::Templates;
use sandbar_engine::{EngineError, Settings, SystemClock};
use sandbar_protocol::CreateOptions;
use serde_json::{Value, json};
use support::memory_store::{MemoryStore, NoLogs};
use support::{Answer, FakeDriver, TestEngine};

async fn engine(definitions: &[(&str, &str)]) -> TestEngine {
    let engine = TestEngine::start().await;
    let folder = engine.folder.path().join("templates");
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in definitions {
        fs::write(folder.join(file), text).unwrap();
    }
    engine
}

async fn create(engine: &TestEngine, template: &str) -> Answer {
    engine.post("/sandboxes", json!({ "templateID": template })).await
}

#[tokio::test]
async fn all_are_listed_without_any_value_of_a_variable() {
    let definition = "description = 'For tests'\nmemory_mb = 64\nworkdir = '/root/app'\n[env]\nTOKEN = 'hush'";
    let engine = engine(&[("tpl-good.toml", definition), ("tpl-odd.toml", "colour = 1"), ("notes.txt", "")]).await;
    let list = engine.get("/templates").await.json;
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["templateID"].as_str().unwrap()).collect();
    assert_eq!(names, ["base", "code-interpreter", "tpl-good", "tpl-odd"]);
    assert_eq!(
        list[2],
        json!({
            "templateID": "tpl-good", "aliases": ["good"], "description": "For tests", "cpuCount": 1, "memoryMB": 64,
            "diskSizeMB": 1024, "rootfs": "host", "workdir": "/root/app", "available": true,
        })
    );
    assert_eq!((&list[0]["available"], &list[0]["aliases"]), (&json!(true), &json!([])));
    assert_eq!((&list[3]["available"], &list[3]["diagnostic"]["reason"]), (&json!(false), &json!("template_broken")));
    assert!(!list.to_string().contains("hush"));
}

#[tokio::test]
async fn a_reference_resolves_by_name_and_by_alias() {
    let engine = engine(&[("tpl-node.toml", ""), ("tpl-base.toml", "")]).await;
    for (reference, name) in
        [("base", "base"), ("tpl-node", "tpl-node"), ("node", "tpl-node"), ("tpl-base", "tpl-base")]
    {
        let answer = engine.get(&format!("/templates/resolve/{reference}")).await;
        assert_eq!((answer.status, answer.text("templateID")), (StatusCode::OK, name));
    }
    assert_eq!(engine.get("/templates/resolve/tpl-base").await.json["aliases"], json!([]));
    assert_eq!(engine.get("/templates/resolve/%2e%2e%2fx").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unknown_one_names_the_nearest() {
    let engine = engine(&[("tpl-node.toml", "")]).await;
    for reference in ["tpl-nod", "nodee"] {
        let answer = engine.get(&format!("/templates/resolve/{reference}")).await;
        let code = answer.json["error"]["code"].as_str();
        assert_eq!((answer.status, code), (StatusCode::NOT_FOUND, Some("template_not_found")));
        assert_eq!(answer.json["details"]["didYouMean"], "tpl-node");
        assert_eq!(answer.json["details"]["known"], json!(["base", "code-interpreter", "tpl-node"]));
    }
    let answer = create(&engine, "node").await;
    assert_eq!(
        answer.text("message"),
        "template \"node\" is not known: did you mean tpl-node? use one of base, code-interpreter, tpl-node"
    );
    assert_eq!(create(&engine, "zzz").await.json["details"]["didYouMean"], Value::Null);
}

#[tokio::test]
async fn a_broken_one_is_refused_with_field_and_line() {
    let engine = engine(&[("tpl-x.toml", "\nstartComand = 'x'"), ("tpl-old.json", "{}")]).await;
    for (template, code, message) in [
        (
            "tpl-x",
            "template_broken",
            "`startComand` is not a field of a template: did you mean `start_command`? (line 2)",
        ),
        (
            "tpl-old",
            "template_broken",
            "tpl-old.json is not read: definitions are TOML now: write it anew as tpl-old.toml",
        ),
    ] {
        let answer = create(&engine, template).await;
        assert_eq!(
            (answer.status, answer.json["error"]["code"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some(code))
        );
        assert_eq!(answer.text("message"), format!("template {template:?} has a broken definition: {message}"));
        let diagnostic = &answer.json["details"]["diagnostic"];
        assert!(diagnostic["reason"] == code && diagnostic["recommendation"].is_string(), "{diagnostic}");
    }
}

#[tokio::test]
async fn a_root_file_system_that_is_not_there_is_refused() {
    let engine = engine(&[("tpl-x.toml", "rootfs = 'debian.tar'")]).await;
    let answer = create(&engine, "tpl-x").await;
    assert_eq!(answer.json["error"]["code"], "rootfs_broken");
    assert!(answer.text("message").contains("debian.tar: No such file"), "{}", answer.text("message"));
    assert_eq!(engine.get("/sandboxes").await.json, json!([]), "nothing was made");
}

#[tokio::test]
async fn code_interpreter_without_python_says_what_to_install() {
    let templates = Templates::in_data_dir("/nonexistent".as_ref()).with_python(PathBuf::from("/usr/bin/no-python3"));
    let driver = Arc::new(FakeDriver::default());
    let store = Arc::new(MemoryStore::default());
    let (logs, clock) = (Arc::new(NoLogs), Arc::new(SystemClock));
    let service =
        Service::start(ServiceParts { store, logs, driver: driver.clone(), clock, templates }, Settings::default());
    let service = service.await.unwrap();
    let options = CreateOptions::from_json(&json!({ "templateID": "code-interpreter" })).unwrap();
    let EngineError::Template(error) = service.create(options, None, None).await.unwrap_err() else { panic!() };
    let diagnostic = error.diagnostic();
    assert_eq!(diagnostic.reason, "python_missing");
    assert!(diagnostic.recommendation.unwrap().contains("apt-get install python3"));
    let info = service.templates().resolve("code-interpreter").await.unwrap();
    assert!(!info.available && info.diagnostic.is_some());
    assert!(driver.running.lock().unwrap().is_empty());
    service.shut_down().await;
}
