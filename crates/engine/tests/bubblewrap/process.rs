//! `process.Process` and the agent's counters, in a real sandbox.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Host, Sandbox, until};

impl Sandbox<'_> {
    /// Starts a process and waits for the end of its stream.
    async fn start_process(&self, request: Value) {
        let (status, body) = self.post("/process.Process/Start", request.to_string()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.request(Method::GET, path, "").await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn ask(&self, name: &str, request: Value) -> Value {
        let (status, body) = self.post(&format!("/process.Process/{name}"), request.to_string()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{name}: {body}");
        body
    }
}

#[tokio::test]
async fn a_terminal_works_in_a_sandbox() {
    let host = Host::new();
    let sandbox = host.running().await;
    let line = "tty > out; stty size >> out; setsid true && echo other >> out";
    sandbox.start_process(json!({ "process": { "cmd": line }, "pty": { "size": { "cols": 100, "rows": 30 } } })).await;
    assert_eq!(sandbox.says("cat out").await, "/dev/pts/0\n30 100\nother");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_killed_process_leaves_nothing_behind() {
    let host = Host::new();
    let sandbox = host.running().await;
    let namespace = sandbox.pid_namespace().await;
    let idle = namespace.members().len();
    let line = "setsid sleep 1001 & (setsid sleep 1002 &); sleep 1003";
    let request = json!({ "process": { "cmd": line }, "tag": "family" });
    let kill = async {
        until("all of it runs", async || namespace.members().len() >= idle + 4).await;
        let listed = sandbox.ask("List", json!({})).await;
        assert_eq!(listed["processes"][0]["tag"], "family");
        sandbox.ask("SendSignal", json!({ "process": { "tag": "family" }, "signal": "SIGNAL_SIGKILL" })).await;
    };
    tokio::join!(sandbox.start_process(request), kill);
    until("nothing of it runs", async || namespace.members().len() == idle).await;
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_command_of_root_runs_without_the_su_that_clients_write() {
    let host = Host::new();
    let sandbox = host.running().await;
    let request =
        json!({ "cmd": "sh", "args": ["-lc", "su -s /bin/sh 'root' -c ''\"'\"'id'\"'\"' '\"'\"'-u'\"'\"''"] });
    let answer = sandbox.execute(request).await;
    assert_eq!((answer.stdout.as_str(), answer.exit_code), ("0\n", 0), "{answer:?}");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn counters_and_ports_are_the_sandboxs_own() {
    let host = Host::new();
    let sandbox = host.running().await;
    let listen = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 8123)); s.listen(); time.sleep(1000)";
    sandbox.start_process(json!({ "process": { "cmd": format!("python3 -c \"{listen}\" &") } })).await;
    let ports = async || sandbox.get("/ports").await;
    until("it listens", async || !ports().await.as_array().unwrap().is_empty()).await;
    let found = ports().await;
    assert_eq!((found.as_array().unwrap().len(), &found[0]["port"]), (1, &json!(8123)), "{found}");
    assert_eq!((&found[0]["address"], &found[0]["process_name"]), (&json!("127.0.0.1"), &json!("python3")));
    let metrics = sandbox.get("/metrics").await;
    assert_eq!((&metrics["cpu_count"], &metrics["mem_total_mib"]), (&json!(1), &json!(512)), "{metrics}");
    assert_eq!(metrics["disk_total"], json!(1024 * 1024 * 1024));
    let used = metrics["mem_used_mib"].as_u64().unwrap();
    assert!((1..100).contains(&used), "{metrics}");
    sandbox.destroy().await.unwrap();
}
