//! What the agent tells of its sandbox: counters, variables and ports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use sandbar_protocol::{BootConfig, SandboxSize, Secret};
use serde_json::{Value, json};
use tower::ServiceExt;

const MIB: u64 = 1024 * 1024;

fn agent(size: SandboxSize, home: &str) -> Router {
    let secret = |text: &str| Secret::new(text);
    let env_vars = [("COLOUR".to_owned(), secret("red")), ("HOME".to_owned(), secret(home))].into();
    sandbar_agent::router(&BootConfig { env_vars, workdir: Some("/tmp".to_owned()), size, ..BootConfig::default() })
}

async fn call(agent: &Router, request: Request<Body>) -> (u16, Value) {
    let response = agent.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn get(agent: &Router, path: &str) -> Value {
    let (status, answer) = call(agent, Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn post(agent: &Router, path: &str, body: Value) -> (u16, Value) {
    call(agent, Request::post(path).body(body.to_string().into()).unwrap()).await
}

#[tokio::test]
async fn variables_are_shown_and_can_be_set_for_what_starts_later() {
    let agent = agent(SandboxSize::default(), "/root");
    let before = get(&agent, "/envs").await;
    assert_eq!((&before["COLOUR"], &before["USER"], &before["SHAPE"]), (&json!("red"), &json!("root"), &json!(null)));
    let (status, answer) = post(&agent, "/configure", json!({ "envs": { "COLOUR": "blue", "SHAPE": "round" } })).await;
    assert_eq!((status, answer), (204, Value::Null));
    let after = get(&agent, "/envs").await;
    assert_eq!((&after["COLOUR"], &after["USER"], &after["SHAPE"]), (&json!("blue"), &json!("root"), &json!("round")));
    let (_, ran) = post(&agent, "/run", json!({ "cmd": "echo $COLOUR $SHAPE" })).await;
    assert_eq!(ran["stdout"], "blue round\n");
}

#[tokio::test]
async fn nothing_to_set_is_no_error_and_what_no_command_can_have_is_one() {
    let agent = agent(SandboxSize::default(), "/root");
    let before = get(&agent, "/envs").await;
    for body in [json!({}), json!({ "envs": null }), json!({ "envs": {} })] {
        assert_eq!(post(&agent, "/configure", body).await.0, 204);
    }
    let (status, answer) = post(&agent, "/configure", json!({ "envs": { "GOOD": "1", "A=B": "secret" } })).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_argument")));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("`envs`") && message.contains("A=B") && !message.contains("secret"), "{message}");
    assert_eq!(get(&agent, "/envs").await, before, "none of them is set");
}

#[tokio::test]
async fn configure_refuses_unknown_fields() {
    let agent = agent(SandboxSize::default(), "/root");
    let before = get(&agent, "/envs").await;
    for body in [json!({ "envs": { "GOOD": "1" }, "env": {} }), json!({ "timeout": 5 })] {
        let (status, answer) = post(&agent, "/configure", body.clone()).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_argument")), "{body}");
        assert!(answer["message"].as_str().unwrap().contains("`envs`"), "it names what there is: {answer}");
    }
    assert_eq!(get(&agent, "/envs").await, before, "nothing is set");
}

#[tokio::test]
async fn a_port_is_shown_while_something_listens_on_it() {
    let agent = agent(SandboxSize::default(), "/root");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let found = async || {
        let ports = get(&agent, "/ports").await;
        ports.as_array().unwrap().iter().filter(|found| found["port"] == port).cloned().collect::<Vec<_>>()
    };
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let expected = json!({
        "port": port, "protocol": "tcp", "address": "127.0.0.1", "pid": std::process::id(), "process_name": name.trim(),
    });
    assert_eq!(found().await, [expected]);
    drop(listener);
    assert_eq!(found().await, Vec::<Value>::new());
}

#[tokio::test]
async fn counters_are_of_the_sandboxs_own_size() {
    let home = tempfile::tempdir().unwrap();
    let size = SandboxSize { cpu_count: Some(2), memory_bytes: Some(512 * MIB), disk_bytes: Some(1024 * MIB) };
    let agent = agent(size, home.path().to_str().unwrap());
    let before = get(&agent, "/metrics").await;
    assert_eq!((&before["cpu_count"], &before["mem_total"]), (&json!(2), &json!(512 * MIB)));
    assert_eq!((&before["mem_total_mib"], &before["disk_total"]), (&json!(512), &json!(1024 * MIB)));
    assert!(before["ts"].as_u64().unwrap() > 1_700_000_000);
    let used = before["mem_used"].as_u64().unwrap();
    assert!(used > 0 && before["mem_used_mib"] == used / MIB && before["mem_cache"].as_u64().unwrap() > 0);
    std::fs::write(home.path().join("file"), vec![1; 3 << 20]).unwrap();
    std::fs::hard_link(home.path().join("file"), home.path().join("again")).unwrap();
    // The look before is relied on for a moment.
    let grows = async {
        loop {
            let after = get(&agent, "/metrics").await;
            let grown = after["disk_used"].as_u64().unwrap() - before["disk_used"].as_u64().unwrap();
            if grown > 0 {
                return grown;
            }
        }
    };
    let grown = tokio::time::timeout(Duration::from_secs(20), grows).await.unwrap();
    assert!((3 * MIB..4 * MIB).contains(&grown), "{grown}");
}

#[tokio::test]
async fn without_a_size_the_machines_own_is_shown() {
    let agent = agent(SandboxSize::default(), "/tmp");
    let metrics = get(&agent, "/metrics").await;
    for name in ["cpu_count", "mem_total", "disk_total"] {
        assert!(metrics[name].as_u64().unwrap() > 0, "{name}: {metrics}");
    }
    for name in ["net_rx_bytes", "net_tx_bytes"] {
        assert!(metrics[name].is_u64(), "{name}: {metrics}");
    }
}
