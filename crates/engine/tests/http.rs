//! The routes of the contract, over a fake driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "http/replays.rs"]
mod replays;
mod support;

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use sandbar_engine::driver::{RuntimeNotice, StartReport};
use sandbar_protocol::{Diagnostic, LogLevel};
use serde_json::{Value, json};
use support::{KEY, TestEngine};

fn millis(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[tokio::test]
async fn a_create_answers_starting_with_its_timeline() {
    let engine = TestEngine::start().await;
    engine.driver.starts.forget_permits(1000);
    let answer = engine.post("/sandboxes", json!({"templateID": "base", "timeout": 60})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!((answer.text("status"), answer.text("state")), ("starting", "starting"));
    assert_eq!(answer.json["envdUrl"], Value::Null);
    assert_eq!(answer.json["envdAccessToken"], Value::Null);
    assert_eq!(millis(&answer.json["endAt"]) - millis(&answer.json["startedAt"]), 60_000);
    assert_eq!(answer.json["timeline"][1]["status"], "in_progress");
    engine.driver.starts.add_permits(1);
    engine.until(answer.text("sandboxID"), "running").await;
}

#[tokio::test]
async fn the_timeline_says_what_a_start_consisted_of_and_the_log_says_it_too() {
    let engine = TestEngine::start().await;
    let phases = vec![("namespaces".to_owned(), Duration::from_micros(6_400))];
    *engine.driver.report.lock().unwrap() = StartReport { warm: false, phases };
    let id = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let timeline = engine.get(&format!("/sandboxes/{id}")).await.json["timeline"].clone();
    let phases: Vec<_> = timeline.as_array().unwrap().iter().map(|event| event["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["created", "starting", "namespaces", "ready", "paused"]);
    assert_eq!(timeline[1]["message"], "cold start");
    assert_eq!(timeline[2]["durationMs"], 6.4);
    assert!(timeline[0].get("durationMs").is_none() && timeline[3].get("durationMs").is_none());
    assert!(timeline[1]["durationMs"].is_number() && timeline[4]["durationMs"].is_number());
    assert_eq!(timeline[4]["status"], "completed");
    let logs = engine.get(&format!("/sandboxes/{id}/logs?search=namespaces")).await.json;
    assert_eq!(logs["logs"][0]["message"], "namespaces (6.4 ms)");
}

#[tokio::test]
async fn wait_ready_answers_running_with_url_and_token() {
    let engine = TestEngine::start().await;
    let answer = engine.post("/sandboxes", json!({"waitReady": true, "envVars": {"FOO": "bar"}})).await;
    let id = answer.text("sandboxID");
    assert_eq!((answer.text("state"), answer.text("templateID")), ("running", "base"));
    assert_eq!(answer.text("envdUrl"), format!("http://127.0.0.1:1/envd/{id}"));
    assert_eq!(answer.text("envdAccessToken").len(), 64);
    assert_eq!(engine.driver.running.lock().unwrap()[id].env_vars["FOO"].expose(), "bar");
    assert!(answer.json.get("metadata").is_none() && answer.json.get("lifecycle").is_none());
}

#[tokio::test]
async fn detail_has_all_and_the_list_no_token() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"metadata": {"app": "demo"}, "autoPause": true})).await;
    let detail = engine.get(&format!("/sandboxes/{id}")).await.json;
    assert_eq!(detail["metadata"], json!({"app": "demo"}));
    assert_eq!(detail["lifecycle"], json!({"onTimeout": "pause"}));
    assert!(detail["memoryMB"].is_u64() && detail["cpuCount"].is_u64() && detail["diskSizeMB"].is_u64());
    assert!(detail["envdUrl"].is_string());
    let limits = json!({"level": "cgroup v1", "memoryMB": 512, "processes": 512, "diskSizeMB": 1024});
    assert_eq!(detail["limits"], limits, "CPU time is not held");
    let list = engine.get("/sandboxes").await;
    assert_eq!(list.json[0]["sandboxID"], json!(id));
    assert!(list.json[0].get("envdUrl").is_none() && list.json[0].get("envdAccessToken").is_none());
    assert_eq!((list.header("x-has-next"), list.header("x-next-token")), ("false", ""));
}

#[tokio::test]
async fn every_bad_create_is_400_and_names_its_field() {
    let engine = TestEngine::start().await;
    let stale = [
        "timeoutMs",
        "autoResume",
        "secure",
        "allow_internet_access",
        "network",
        "mcp",
        "volume_mounts",
        "volumeMounts",
    ];
    for field in stale {
        let answer = engine.post("/sandboxes", json!({"templateID": "base", field: 1})).await;
        assert_eq!(
            (answer.status, answer.json["error"]["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("invalid_request"))
        );
        assert!(answer.text("message").starts_with(&format!("`{field}` is not accepted: ")), "{}", answer.json);
        assert_eq!(answer.json["details"]["field"], field);
    }
    for (body, message) in [
        (json!({"envs": {}}), "`envs` is not a field of create options: use `envVars`"),
        (json!({"timeout": 0}), "`timeout` must be between 1 and 86400 seconds, got 0"),
        (
            json!({"timeout": "60"}),
            "`timeout` must be a whole number between 1 and 86400 seconds, got a string (\"60\")",
        ),
        (json!({"envVars": {"A": 1}}), "`envVars.A` must be a string, got a number: convert it, as String(value)"),
        (
            json!({"templateID": "../x"}),
            "`templateID` may hold letters, digits, `.`, `_` and `-`, and starts with a letter or digit, got \"../x\": pass a template's name, as \"base\", \"code-interpreter\" or \"tpl-…\"",
        ),
        (
            json!([]),
            "create options must be an object, got an array: pass {templateID, timeout, waitReady, envVars, metadata, autoPause}",
        ),
    ] {
        assert_eq!(engine.post("/sandboxes", body).await.text("message"), message);
    }
    assert_eq!(engine.get("/sandboxes").await.json, json!([]), "nothing was made");
}

#[tokio::test]
async fn an_unknown_template_is_404_and_the_empty_one_is_base() {
    let engine = TestEngine::start().await;
    let answer = engine.post("/sandboxes", json!({"templateID": "tpl-none"})).await;
    assert_eq!(
        (answer.status, answer.json["error"]["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("template_not_found"))
    );
    assert_eq!(answer.text("message"), "template \"tpl-none\" is not known: use one of base, code-interpreter");
    for empty in [json!(""), Value::Null] {
        assert_eq!(engine.post("/sandboxes", json!({"templateID": empty})).await.text("templateID"), "base");
    }
}

#[tokio::test]
async fn a_template_brings_commands_and_variables() {
    let engine = TestEngine::start().await;
    let folder = engine.folder.path().join("templates");
    std::fs::create_dir(&folder).unwrap();
    let definition = "start_command = 'make'\nmemory_mb = 256\nworkdir = '/root/app'\n[env]\nA = '1'\nB = '1'";
    std::fs::write(folder.join("tpl-x.toml"), definition).unwrap();
    let id = engine.running(json!({"templateID": "tpl-x", "envVars": {"B": "2"}})).await;
    let spec = engine.driver.running.lock().unwrap()[&id].clone();
    assert_eq!((spec.start_command.as_deref(), spec.workdir.as_deref()), (Some("make"), Some("/root/app")));
    assert_eq!((spec.env_vars["A"].expose(), spec.env_vars["B"].expose()), ("1", "2"));
    assert_eq!(engine.get(&format!("/sandboxes/{id}")).await.json["memoryMB"], 256);
}

#[tokio::test]
async fn a_failed_start_answers_failed_with_its_diagnostic() {
    let engine = TestEngine::start().await;
    *engine.driver.failure.lock().unwrap() =
        Some(Diagnostic::new("start_command_failed", "exited with 3").recommend("fix it"));
    let answer = engine.post("/sandboxes", json!({"waitReady": true})).await;
    assert_eq!((answer.status, answer.text("state")), (StatusCode::CREATED, "failed"));
    let diagnostic = json!({"reason": "start_command_failed", "message": "exited with 3", "recommendation": "fix it"});
    assert_eq!(answer.json["diagnostic"], diagnostic);
    assert_eq!(answer.json["timeline"].as_array().unwrap().last().unwrap()["status"], "failed");
    let id = answer.text("sandboxID");
    let connect = engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!((connect.status, &connect.json["details"]["diagnostic"]), (StatusCode::CONFLICT, &diagnostic));
    assert_eq!(engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn pause_keeps_and_connect_resumes_with_a_new_token() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"envVars": {"FOO": "bar"}})).await;
    let before = engine.get(&format!("/sandboxes/{id}")).await.json;
    let pause = engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    assert_eq!((pause.status, pause.header("x-sandbox-previous-state")), (StatusCode::NO_CONTENT, "running"));
    assert!(engine.driver.running.lock().unwrap().is_empty() && engine.driver.files.lock().unwrap().contains(&id));
    let again = engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    assert_eq!((again.status, again.header("x-sandbox-previous-state")), (StatusCode::NO_CONTENT, "paused"));
    let refresh = engine.post(&format!("/sandboxes/{id}/refreshes"), Value::Null).await;
    assert_eq!(
        (refresh.status, refresh.json["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("sandbox_paused"))
    );
    let resumed = engine.post(&format!("/sandboxes/{id}/connect"), json!({"timeout": 300})).await;
    assert_eq!((resumed.status, resumed.text("state")), (StatusCode::CREATED, "running"));
    assert_ne!(resumed.json["envdAccessToken"], before["envdAccessToken"]);
    assert_eq!(engine.driver.running.lock().unwrap()[&id].env_vars["FOO"].expose(), "bar");
    let held = engine.post(&format!("/sandboxes/{id}/connect"), json!({"timeout": 0})).await;
    assert_eq!(held.status, StatusCode::OK);
    assert_eq!(held.json["envdAccessToken"], resumed.json["envdAccessToken"], "others hold it");
    assert_eq!(held.json["endAt"], resumed.json["endAt"]);
}

#[tokio::test]
async fn a_resume_that_fails_stays_paused_and_says_why() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    *engine.driver.failure.lock().unwrap() = Some(Diagnostic::new("disk_error", "no space left"));
    let answer = engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!(
        (answer.status, answer.json["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("sandbox_resume_failed"))
    );
    assert_eq!(answer.text("message"), format!("sandbox {id} did not start again and is still paused: no space left"));
    *engine.driver.failure.lock().unwrap() = None;
    assert_eq!(engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_pause_ends_a_start_that_hangs() {
    let engine = TestEngine::start().await;
    engine.driver.starts.forget_permits(1000);
    let id = engine.post("/sandboxes", json!({})).await.text("sandboxID").to_owned();
    assert_eq!(engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await.status, StatusCode::NO_CONTENT);
    engine.driver.starts.add_permits(1);
    let answer = engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!((answer.status, answer.text("state")), (StatusCode::CREATED, "running"));
    assert_eq!(engine.driver.starts.available_permits(), 0, "the first start never came to its end");
}

#[tokio::test]
async fn timeout_replaces_and_refresh_only_extends() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"timeout": 1000})).await;
    let end = async || millis(&engine.get(&format!("/sandboxes/{id}")).await.json["endAt"]);
    let first = end().await;
    let answer = engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 100})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let shortened = end().await;
    assert!(shortened < first - 800_000);
    assert_eq!(answer.header("x-sandbox-end-at").parse::<jiff::Timestamp>().unwrap().as_millisecond(), shortened);
    engine.post(&format!("/sandboxes/{id}/refreshes"), json!({"duration": 10})).await;
    assert_eq!(end().await, shortened, "never shortened");
    engine.post(&format!("/sandboxes/{id}/refreshes"), json!({"duration": 3600})).await;
    assert!(end().await > shortened + 3_000_000);
}

#[tokio::test]
async fn the_ttl_deletes_within_200_ms_and_the_tombstone_says_why() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"timeout": 1})).await;
    let detail = engine.until(&id, "deleted").await;
    let late = jiff::Timestamp::now().as_millisecond() - millis(&detail["endAt"]);
    assert!((0..200).contains(&late), "{late} ms after its deadline");
    assert_eq!(detail["diagnostic"]["reason"], "ttl");
    assert_eq!(detail["diagnostic"]["message"], "deleted: its TTL of 1 s has ended");
    assert_eq!(detail["envdAccessToken"], Value::Null);
    assert_eq!(engine.get("/sandboxes").await.json, json!([]));
    assert_eq!(engine.get("/sandboxes?state=deleted").await.json[0]["sandboxID"], json!(id));
    let connect = engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!(
        (connect.status, connect.text("message")),
        (StatusCode::NOT_FOUND, format!("sandbox {id} is deleted: create a new one").as_str())
    );
}

#[tokio::test]
async fn auto_pause_pauses_at_the_deadline() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"timeout": 1, "autoPause": true})).await;
    let detail = engine.until(&id, "paused").await;
    assert_eq!(detail["diagnostic"]["reason"], "ttl");
    assert!(engine.driver.files.lock().unwrap().contains(&id));
}

#[tokio::test]
async fn a_timeout_of_zero_ends_it_now() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    assert_eq!(
        engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 0})).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(engine.get(&format!("/sandboxes/{id}")).await.text("state"), "deleted");
}

#[tokio::test]
async fn unknown_and_deleted_ids_are_404() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let path = format!("/sandboxes/{id}");
    assert_eq!(engine.call("DELETE", &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(engine.call("DELETE", &path, Value::Null).await.json["error"]["code"], "sandbox_not_found");
    for (method, path) in [
        ("GET", "/sandboxes/sb-none"),
        ("POST", "/sandboxes/sb-none/pause"),
        ("GET", "/sandboxes/sb-none/logs"),
        ("GET", "/sandboxes/sb-none/metrics"),
    ] {
        let answer = engine.call(method, path, Value::Null).await;
        assert_eq!(
            (answer.status, answer.json["error"]["code"].as_str()),
            (StatusCode::NOT_FOUND, Some("sandbox_not_found")),
            "{path}"
        );
        assert!(answer.text("message").starts_with("sandbox sb-none does not exist: check the ID"));
    }
    let odd = engine.get("/sandboxes/a%2F..%2Fb").await;
    assert_eq!((odd.status, odd.json["details"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("sandboxID")));
}

#[tokio::test]
async fn a_repeated_create_answers_with_the_first_result() {
    let engine = TestEngine::start().await;
    let create = async |key: &str, body: &str| {
        let request = Request::post("/api/v1/sandboxes").header("x-api-key", KEY).header("idempotency-key", key);
        engine.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let (first, second, third) = tokio::join!(
        create("k1", r#"{"timeout": 60, "templateID": "base"}"#),
        create("k1", r#"{"templateID":"base","timeout":60}"#),
        create("k2", r#"{"templateID":"base","timeout":60}"#),
    );
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.text("sandboxID"), second.text("sandboxID"));
    assert_ne!(first.text("sandboxID"), third.text("sandboxID"));
    let other = create("k1", r#"{"timeout": 61}"#).await;
    assert_eq!(
        (other.status, other.json["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("idempotency_key_reused"))
    );
    assert_eq!(create(&"x".repeat(300), "{}").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(first.header("idempotency-key"), "k1", "the key comes back: a client may rely on it");
}

#[tokio::test]
async fn a_repeated_connect_does_not_resume_what_was_paused_meanwhile() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let other = engine.running(json!({})).await;
    let connect = async |id: &str, timeout: u32| {
        let uri = format!("/api/v1/sandboxes/{id}/connect");
        let request = Request::post(uri).header("x-api-key", KEY).header("idempotency-key", "k1");
        engine.send(request.body(Body::from(json!({ "timeout": timeout }).to_string())).unwrap()).await
    };
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    assert_eq!(connect(&id, 60).await.status, StatusCode::CREATED);
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let repeated = connect(&id, 60).await;
    assert_eq!((repeated.status, &repeated.json["details"]["state"]), (StatusCode::CONFLICT, &json!("paused")));
    for reused in [connect(&id, 61).await, connect(&other, 60).await] {
        assert_eq!(reused.json["error"]["code"], "idempotency_key_reused");
    }
}

#[tokio::test]
async fn a_list_of_a_project_has_only_what_was_created_in_it() {
    let engine = TestEngine::start().await;
    let call = |method: &str, path: &str, project: &str| {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request.header("X-API-Key", KEY).header("X-Project-ID", project).body(Body::empty()).unwrap()
    };
    let mine = engine.send(call("POST", "/sandboxes", "mine")).await.text("sandboxID").to_owned();
    let others = engine.send(call("POST", "/sandboxes", "another's")).await.text("sandboxID").to_owned();
    let nobodys = engine.running(json!({})).await;
    engine.until(&mine, "running").await;
    let listed = |answer: support::Answer| -> Vec<String> {
        let sandboxes = answer.json.as_array().unwrap().clone();
        sandboxes.iter().map(|sandbox| sandbox["sandboxID"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(engine.send(call("GET", "/sandboxes", "mine")).await), std::slice::from_ref(&mine));
    assert_eq!(listed(engine.send(call("GET", "/sandboxes", "unknown")).await), [""; 0]);
    let all = [nobodys, others, mine.clone()];
    assert_eq!(listed(engine.get("/sandboxes").await), all, "no project, no filter");
    assert_eq!(listed(engine.send(call("GET", "/sandboxes", "")).await), all);
    let metrics = engine.send(call("GET", "/sandboxes/metrics", "mine")).await;
    assert_eq!(metrics.json["sandboxes"].as_object().unwrap().keys().collect::<Vec<_>>(), [&mine]);
    let refused = engine.send(call("GET", "/sandboxes", &"x".repeat(256))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_are_newest_first_and_filtered_by_state_and_metadata() {
    let engine = TestEngine::start().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(engine.running(json!({"metadata": {"n": n.to_string(), "team": "a b&c"}})).await);
    }
    let first = engine.get("/sandboxes?limit=2").await;
    let listed = |answer: &support::Answer| -> Vec<String> {
        answer.json.as_array().unwrap().iter().map(|item| item["sandboxID"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&first), [ids[2].clone(), ids[1].clone()]);
    assert_eq!((first.header("x-has-next"), first.header("x-next-token")), ("true", "Mg"));
    let second = engine.get("/sandboxes?limit=2&nextToken=Mg").await;
    assert_eq!((listed(&second), second.header("x-has-next")), (vec![ids[0].clone()], "false"));
    let one = engine.get("/sandboxes?metadata=n%3D1%26team%3Da%2520b%2526c").await;
    assert_eq!(listed(&one), [ids[1].clone()]);
    engine.post(&format!("/sandboxes/{}/pause", ids[0]), Value::Null).await;
    assert_eq!(listed(&engine.get("/sandboxes?state=paused").await), [ids[0].clone()]);
    assert_eq!(listed(&engine.get("/sandboxes?state=paused&state=running").await).len(), 3);
    for (query, message) in [
        ("limit=101", "`limit` must be between 1 and 100 sandboxes, got 101"),
        ("limit=x", "`limit` must be a whole number between 1 and 100 sandboxes, got a string (\"x\")"),
        ("state=active", "`state` must be one of starting, running, paused, deleted, failed, error, got \"active\""),
        ("nextToken=*", "`nextToken` is not a page token: pass the `nextToken` of the page before, unchanged"),
    ] {
        let answer = engine.get(&format!("/sandboxes?{query}")).await;
        assert_eq!((answer.status, answer.text("message")), (StatusCode::BAD_REQUEST, message));
    }
}

#[tokio::test]
async fn the_key_is_needed_in_either_header() {
    let engine = TestEngine::start().await;
    let status = async |name: &str, value: &str| {
        let request = Request::get("/api/v1/sandboxes").header(name, value).header("x-request-id", "r-1");
        engine.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(status("x-api-key", KEY).await.status, StatusCode::OK);
    assert_eq!(status("authorization", &format!("Bearer {KEY}")).await.status, StatusCode::OK);
    let wrong = status("x-api-key", "guess").await;
    assert_eq!((wrong.status, wrong.json["error"]["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("unauthorized")));
    assert_eq!((wrong.text("request_id"), wrong.header("x-request-id")), ("r-1", "r-1"));
    assert!(wrong.text("message").starts_with("the API key is wrong"));
    assert!(status("x-other", "1").await.text("message").starts_with("no API key was sent"));
}

#[tokio::test]
async fn odd_requests_get_json_errors() {
    let engine = TestEngine::start().await;
    assert_eq!(engine.get("/nothing").await.json["error"]["code"], "route_not_found");
    assert_eq!(engine.call("PUT", "/sandboxes", Value::Null).await.json["error"]["code"], "method_not_allowed");
    let broken = Request::post("/api/v1/sandboxes").header("x-api-key", KEY).body(Body::from("{")).unwrap();
    assert!(engine.send(broken).await.text("message").starts_with("the body is not JSON: "));
    let large =
        Request::post("/api/v1/sandboxes").header("x-api-key", KEY).body(Body::from("x".repeat(2_000_000))).unwrap();
    let answer = engine.send(large).await;
    assert_eq!(
        (answer.status, answer.json["error"]["code"].as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, Some("body_too_large"))
    );
    let named =
        Request::get("/api/v1/sandboxes").header("x-api-key", KEY).header("x-request-id", "a b").body(Body::empty());
    assert_eq!(engine.send(named.unwrap()).await.header("x-request-id").len(), 36, "an unfit ID is replaced");
}

#[tokio::test]
async fn other_prefixes_serve_the_same() {
    let engine = TestEngine::start().await;
    for prefix in ["/api/v1/sandbox", "/api/sandbox/v1"] {
        let request = Request::get(format!("{prefix}/sandboxes")).header("x-api-key", KEY).body(Body::empty()).unwrap();
        assert_eq!(engine.send(request).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_runtime_is_reached_with_the_token_and_without_credentials_passing() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let token = engine.get(&format!("/sandboxes/{id}")).await.text("envdAccessToken").to_owned();
    let send = async |path: &str, token: &str| {
        let request =
            Request::post(format!("/envd/{id}{path}")).header("x-access-token", token).header("x-api-key", KEY);
        engine.send(request.header("x-own", "1").body(Body::from("hello")).unwrap()).await
    };
    let answer = send("/run?a=b%20c", &token).await;
    assert_eq!((answer.status, answer.text("uri"), answer.text("body")), (StatusCode::OK, "/run?a=b%20c", "hello"));
    let headers = answer.json["headers"].to_string();
    assert!(
        headers.contains("x-own") && !headers.contains("x-access-token") && !headers.contains("x-api-key"),
        "{headers}"
    );
    let wrong = send("/run", "guess").await;
    assert_eq!((wrong.status, wrong.text("code")), (StatusCode::UNAUTHORIZED, "unauthenticated"));
    let health = Request::get(format!("/envd/{id}/health")).body(Body::empty()).unwrap();
    assert_eq!(engine.send(health).await.status, StatusCode::OK, "health needs no token");
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let paused = send("/run", &token).await;
    assert_eq!((paused.status, paused.text("code")), (StatusCode::CONFLICT, "failed_precondition"));
    let unknown = Request::post("/envd/sb-none/run").body(Body::empty()).unwrap();
    assert_eq!(engine.send(unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn output_is_logged_and_an_exit_fails_the_sandbox() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let notices = engine.driver.notices.lock().unwrap().clone().unwrap();
    let line = RuntimeNotice::Output {
        sandbox_id: id.clone(),
        time: jiff::Timestamp::now(),
        level: LogLevel::Error,
        line: "boom".into(),
    };
    notices.send(line).await.unwrap();
    notices
        .send(RuntimeNotice::Exited { sandbox_id: id.clone(), generation: 1, status: "signal: 9".into(), cause: None })
        .await
        .unwrap();
    let detail = engine.until(&id, "failed").await;
    assert_eq!(detail["diagnostic"]["message"], "its runtime ended by itself (signal: 9)");
    let logs = engine.get(&format!("/sandboxes/{id}/logs?level=error&search=boom")).await.json;
    assert_eq!(
        (logs["logs"][0]["message"].as_str(), logs["logs"][0]["fields"]["source"].as_str()),
        (Some("boom"), Some("runtime"))
    );
    let all = engine.get(&format!("/sandboxes/{id}/logs?direction=backward&limit=1")).await.json;
    assert!(all["logs"][0]["message"].as_str().unwrap().starts_with("failed: "));
    assert_eq!(all["hasMore"], true);
}

#[tokio::test]
async fn metrics_limits_summary_and_heartbeat_answer() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    assert_eq!(engine.get(&format!("/sandboxes/{id}/metrics")).await.json["taskCurrent"], 1.0);
    let batch = engine.get(&format!("/sandboxes/metrics?sandbox_ids={id},sb-none")).await.json;
    assert_eq!(batch["sandboxes"][&id]["taskCurrent"], 1.0);
    assert_eq!(batch["sandboxes"]["sb-none"]["error"], "sandbox not found");
    assert_eq!(engine.get("/usage/limits").await.json["user"]["usage"]["sandboxes"], 1.0);
    let summary = engine.get("/observability/summary").await.json;
    assert_eq!((summary["status"].as_str(), summary["usage"]["sandboxes"].as_u64()), (Some("ok"), Some(1)));
    let beat = engine.post(&format!("/sandboxes/{id}/heartbeat"), json!({"status": "healthy"})).await;
    assert_eq!(beat.json["data"], json!({"received": true, "status": "healthy"}));
    let odd = engine.post(&format!("/sandboxes/{id}/heartbeat"), json!({"status": "fine"})).await;
    assert_eq!(odd.text("message"), "`status` must be one of starting, healthy, error");
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    assert_eq!(engine.get(&format!("/sandboxes/{id}/metrics")).await.json["error"], "sandbox is paused");
}

#[tokio::test]
async fn metrics_batch_is_refused_when_it_has_more_than_100_ids() {
    let engine = TestEngine::start().await;
    let ids = |count: usize| (0..count).map(|number| format!("sb-{number}")).collect::<Vec<_>>().join(",");
    let most = engine.get(&format!("/sandboxes/metrics?sandbox_ids={}", ids(100))).await;
    assert_eq!((most.status, most.json["items"].as_array().unwrap().len()), (StatusCode::OK, 100));
    for count in [101, 2700] {
        let answer = engine.get(&format!("/sandboxes/metrics?sandbox_ids={}&limit=1", ids(count))).await;
        assert_eq!((answer.status, &answer.json["details"]["field"]), (StatusCode::BAD_REQUEST, &json!("sandbox_ids")));
    }
}

#[tokio::test]
async fn error_has_facts_outside_alone() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await;
    let answer = engine.post(&format!("/sandboxes/{id}/timeout"), json!({"timeout": 5})).await;
    assert_eq!(answer.json["details"]["state"], "paused");
    assert_eq!(answer.json["error"]["code"], "sandbox_paused");
    assert!(answer.json["error"]["details"].as_object().is_none(), "{}", answer.json);
}

#[tokio::test]
async fn api_answers_without_its_prefix_as_well() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    for path in [format!("/sandboxes/{id}"), "/usage/limits".to_owned(), "/templates".to_owned(), "/metrics".to_owned()]
    {
        for prefix in ["", "/api/v1", "/api/sandbox/v1"] {
            let (status, text) = engine.text(&format!("{prefix}{path}"), Some(KEY)).await;
            assert_eq!(status, StatusCode::OK, "{prefix}{path}: {text}");
            let (status, _) = engine.text(&format!("{prefix}{path}"), None).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{prefix}{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn body_that_does_not_come_is_408() {
    let engine = TestEngine::start_in_memory().await;
    let request = Request::post("/api/v1/sandboxes").header("x-api-key", KEY);
    let silent = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let answer = engine.send(request.body(silent).unwrap()).await;
    assert_eq!(
        (answer.status, &answer.json["error"]["code"]),
        (StatusCode::REQUEST_TIMEOUT, &json!("request_timeout"))
    );
}

#[tokio::test]
async fn methods_that_no_route_takes_are_405_and_say_which_it_does() {
    let engine = TestEngine::start().await;
    for method in ["OPTIONS", "TRACE", "PATCH", "BREW"] {
        let answer = engine.call(method, "/sandboxes", Value::Null).await;
        assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST,GET,HEAD"));
        assert_eq!(answer.json["error"]["code"], "method_not_allowed", "{method}");
    }
    assert_eq!(engine.call("HEAD", "/sandboxes", Value::Null).await.status, StatusCode::OK);
}

#[tokio::test]
async fn paths_that_are_no_text_and_metadata_with_odd_characters_are_taken_for_what_they_are() {
    let engine = TestEngine::start().await;
    assert_eq!(engine.get("/sandboxes/%ff%fe").await.status, StatusCode::NOT_FOUND);
    assert_eq!(engine.get("/sandboxes/a%00b").await.status, StatusCode::BAD_REQUEST);
    let id = engine.running(json!({"metadata": {"a\u{0}b": "c\u{0}d", "é": "%"}})).await;
    for (query, found) in [("a%2500b%3Dc%2500d", 1), ("a%2500b%3Dc", 0), ("%25C3%25A9%3D%2525", 1)] {
        let list = engine.get(&format!("/sandboxes?metadata={query}")).await.json;
        assert_eq!(list.as_array().unwrap().len(), found, "{query}");
    }
    assert_eq!(engine.get(&format!("/sandboxes/{id}")).await.json["metadata"]["a\u{0}b"], "c\u{0}d");
}

#[tokio::test]
async fn the_limit_of_the_batch_is_checked() {
    let engine = TestEngine::start().await;
    for query in ["limit=0", "limit=101", "limit=many", "limit=1.5", "limit="] {
        let answer = engine.get(&format!("/sandboxes/metrics?{query}")).await;
        assert_eq!((answer.status, &answer.json["details"]["field"]), (StatusCode::BAD_REQUEST, &json!("limit")));
    }
}

#[tokio::test]
async fn an_empty_filter_is_refused_and_does_not_list_everything() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let paths = ["/sandboxes?state=", "/sandboxes?state=paused&state=", "/sandboxes?limit="];
    let logs = ["level", "direction", "cursor"].map(|name| format!("/sandboxes/{id}/logs?{name}="));
    for path in paths.map(str::to_owned).iter().chain(&logs) {
        assert_eq!(engine.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    for path in ["/sandboxes?nextToken=&metadata=", "/sandboxes/metrics?sandbox_ids="] {
        assert_eq!(engine.get(path).await.status, StatusCode::OK, "{path}: there is none");
    }
}

#[tokio::test]
async fn of_a_pause_and_a_delete_at_once_each_takes_full_effect_or_none() {
    let engine = TestEngine::start().await;
    for _ in 0..20 {
        let id = engine.running(json!({})).await;
        let (pause_path, path) = (format!("/sandboxes/{id}/pause"), format!("/sandboxes/{id}"));
        let (pause, delete) =
            tokio::join!(engine.post(&pause_path, Value::Null), engine.call("DELETE", &path, Value::Null));
        assert_eq!(delete.status, StatusCode::NO_CONTENT);
        assert!(
            pause.status == StatusCode::NO_CONTENT || pause.json["details"]["state"] == "deleted",
            "{}",
            pause.json
        );
        assert!(
            !engine.driver.running.lock().unwrap().contains_key(&id)
                && !engine.driver.files.lock().unwrap().contains(&id)
        );
    }
}

#[tokio::test]
async fn a_call_takes_effect_even_if_the_client_goes_away() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let path = format!("/sandboxes/{id}");
    {
        // Polled once, so that it has begun, and dropped.
        let delete = pin!(engine.call("DELETE", &path, Value::Null));
        assert!(delete.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    engine.until(&id, "deleted").await;
}

#[tokio::test]
async fn a_restarted_engine_starts_what_ran_with_the_same_id() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({"metadata": {"a": "1"}})).await;
    engine.service.shut_down().await;
    let TestEngine { folder, .. } = engine;
    let engine = TestEngine::start_in(folder).await;
    let detail = engine.until(&id, "running").await;
    assert_eq!(detail["metadata"], json!({"a": "1"}));
    let phases: Vec<_> =
        detail["timeline"].as_array().unwrap().iter().map(|event| event["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["created", "starting", "ready", "restarting", "ready"]);
}

#[tokio::test]
async fn a_tombstone_is_read_for_a_day_and_then_forgotten() {
    let engine = TestEngine::start().await;
    let id = engine.running(json!({})).await;
    let path = format!("/sandboxes/{id}");
    assert_eq!(engine.call("DELETE", &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    engine.clock.advance(Duration::from_secs(24 * 3600 - 60));
    assert_eq!(engine.get(&path).await.text("state"), "deleted");
    assert_eq!(engine.get("/sandboxes?state=deleted").await.json.as_array().unwrap().len(), 1);
    engine.clock.advance(Duration::from_secs(120));
    let answer = engine.get(&path).await;
    assert_eq!((answer.status, answer.text("message").contains("does not exist")), (StatusCode::NOT_FOUND, true));
    assert_eq!(engine.get("/sandboxes?state=deleted").await.json, json!([]));
}
