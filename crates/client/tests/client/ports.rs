//! Ports of a sandbox.

use std::time::Duration;

use sandbar_client::{Args, CallOptions, ClientError, ErrorRecord, PortWait, ProgramCall, Runtime};
use sandbar_protocol::{Envd, Secret, ValidationError};
use serde_json::json;

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

async fn inside(script: Vec<Reply>) -> (Service, Runtime) {
    let service = Service::start(script).await;
    let envd = Envd { envd_url: Some(format!("{}/e/", service.url())), envd_access_token: Some(Secret::new("tok-1")) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    (service, runtime)
}

fn listening(ports: &[u16]) -> Reply {
    let each =
        ports.iter().map(|port| json!({"port": port, "protocol": "tcp", "address": "0.0.0.0", "process_name": "x"}));
    Reply::json(200, &each.collect())
}

fn wait(path: Option<&str>, limit: Duration) -> PortWait {
    PortWait { port: 3000, limit, path: path.map(str::to_owned) }
}

#[tokio::test]
async fn a_port_is_waited_for_until_it_is_open() {
    let (service, runtime) = inside(vec![listening(&[]), listening(&[22]), listening(&[22, 3000])]).await;
    runtime.wait_for_port(&wait(None, Duration::from_secs(30)), &CALL).await.unwrap();
    assert_eq!(service.seen().len(), 3);
    assert_eq!(runtime.ports(&CALL).await.unwrap()[0].process_name.as_deref(), Some("x"));
}

#[tokio::test]
async fn with_a_path_it_is_waited_for_until_it_answers_well() {
    let script = vec![listening(&[3000]), Reply::empty(503), listening(&[3000]), Reply::empty(404)];
    let (service, runtime) = inside(script).await;
    runtime.wait_for_port(&wait(Some("/up?x=1"), Duration::from_secs(30)), &CALL).await.unwrap();
    assert_eq!(service.seen()[1].line(), "GET /e/proxy/3000/up?x=1");
}

fn proxy(path: &str) -> Result<(ProgramCall, CallOptions), ValidationError> {
    Args::parse(&json!({"port": 3000, "path": path, "method": "POST"}).to_string()).unwrap().program()
}

#[tokio::test]
async fn program_gets_the_path_as_given() {
    let (service, runtime) = inside(vec![Reply::json(200, &json!({"entry": {"name": "."}}))]).await;
    let (program, call) = proxy("/a b/./ü?x={1}#top").unwrap();
    runtime.program(program, &call).await.unwrap();
    assert_eq!(service.seen().last().unwrap().line(), "POST /e/proxy/3000/a%20b/./%C3%BC?x={1}");
}

#[tokio::test]
async fn path_that_leaves_the_port_is_refused_wherever_it_comes_from() {
    for path in [".\t./.\t./run", "/../../run", "/%2e%2e/run", "/a%2f..%2frun"] {
        assert_eq!(proxy(path).unwrap_err().field, "path", "{path:?}");
        // A caller in Rust makes the wait by itself.
        let (service, runtime) = inside(vec![listening(&[3000])]).await;
        let error = runtime.wait_for_port(&wait(Some(path), Duration::from_secs(30)), &CALL).await.unwrap_err();
        assert!(matches!(error, ClientError::Validation(_)), "{error}");
        assert!(service.seen().iter().all(|seen| seen.line() == "GET /e/ports"), "{:?}", service.seen());
    }
}

#[tokio::test]
async fn the_end_of_patience_says_what_listens() {
    let (_service, runtime) = inside(vec![listening(&[22, 8080])]).await;
    let error = runtime.wait_for_port(&wait(None, Duration::from_millis(30)), &CALL).await.unwrap_err();
    let record = ErrorRecord::from(&error);
    assert_eq!((record.name, record.kind, record.retryable), ("ReadinessError", "port_timeout", true));
    assert!(
        record.message.contains("port 3000 of sandbox sb-1 within 0.03 s (listening: 22, 8080)"),
        "{}",
        record.message
    );
}

#[tokio::test]
async fn the_host_of_a_port_is_known_as_long_as_the_runtime_is() {
    let (_service, runtime) = inside(vec![listening(&[])]).await;
    assert!(runtime.host(3000).unwrap().ends_with("/e/proxy/3000/"));
    runtime.set_envd(None);
    assert!(matches!(runtime.host(3000), Err(ClientError::NotRunning(_))));
}
