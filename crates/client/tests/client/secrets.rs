//! Errors show no secret, whatever a service repeats, and however it answers.

use std::collections::BTreeMap;

use sandbar_client::{CallOptions, ClientError, ErrorRecord, RunCall, Runtime};
use sandbar_protocol::{CreateOptions, Envd, RunRequest, Secret};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

const ONCE: CallOptions = CallOptions::once();
const TOKEN: &str = "envd-token-that-must-not-show";
/// One that JSON can't hold as it is.
const VALUE: &str = "say \"hush\" \\ twice";

/// All that people may see of an error.
fn shown(error: &ClientError) -> String {
    format!("{error}\n{error:?}\n{}", ErrorRecord::from(error).to_json())
}

async fn error_of(reply: Reply) -> ClientError {
    Service::start(vec![reply]).await.client().get("sb-1", ONCE).await.unwrap_err()
}

async fn runtime(replies: Vec<Reply>) -> (Service, Runtime) {
    let service = Service::start(replies).await;
    let envd = Envd { envd_url: Some(format!("{}/e", service.url())), envd_access_token: Some(Secret::new(TOKEN)) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    (service, runtime)
}

fn variables() -> BTreeMap<String, Secret> {
    BTreeMap::from([("A".to_owned(), Secret::new(VALUE))])
}

#[tokio::test]
async fn request_id_is_redacted_when_the_server_repeats_the_key_as_one() {
    let body = json!({"message": "no", "request_id": format!("id {KEY}")});
    for reply in [Reply::json(400, &body), Reply::json(400, &json!({})), Reply::text(200, "text/html", "<p>")] {
        let error = error_of(reply.with("x-request-id", KEY)).await;
        assert!(error.request_id().unwrap().contains("[redacted]"), "{error:?}");
        assert!(!shown(&error).contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn error_is_redacted_when_the_server_repeats_the_key_anywhere() {
    for reply in [
        Reply::redirect(&format!("http://elsewhere.example/{KEY}")),
        Reply::text(200, &format!("text/{KEY}"), "<p>"),
        Reply::json(200, &json!({ KEY: 1 })),
        Reply::json(400, &json!({"error": {"code": KEY, "message": KEY}, "details": {KEY: [KEY]}})),
    ] {
        let error = error_of(reply).await;
        assert!(!shown(&error).contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn error_of_a_create_is_redacted_when_the_server_repeats_a_variable() {
    let message = format!("A must not be {VALUE}");
    let service = Service::start(vec![Reply::json(400, &json!({ "message": message }))]).await;
    let options = CreateOptions { env_vars: variables(), ..CreateOptions::default() };
    let error = service.client().create(&options, ONCE).await.unwrap_err();
    assert!(error.to_string().contains("A must not be [redacted]"), "{error}");
    assert!(!shown(&error).contains("hush"), "{error:?}");
}

#[tokio::test]
async fn error_of_a_command_is_redacted_when_the_runtime_repeats_a_variable_or_the_token() {
    let message = format!("no {TOKEN}, no {VALUE}");
    let (_service, runtime) = runtime(vec![Reply::json(500, &json!({"code": "internal", "message": message}))]).await;
    let request = RunRequest { cmd: "ls".to_owned(), env: Some(variables()), ..RunRequest::default() };
    let error = runtime.run_command(&RunCall { request, check: false }, &ONCE).await.unwrap_err();
    assert_eq!(error.to_string(), "no [redacted], no [redacted]");
    assert!(!shown(&error).contains("hush"), "{error:?}");
}

#[tokio::test]
async fn answer_that_is_a_part_of_json_is_not_shown() {
    let whole = json!({"sandboxID": "sb-1", "envdAccessToken": TOKEN}).to_string();
    for body in [
        whole.strip_suffix('}').unwrap().to_owned(),
        format!(")]}}',\n{whole}"),
        format!("\u{feff}{whole}"),
        format!("[{whole}"),
        format!("oops {whole}"),
        whole.strip_prefix(r#"{"sandboxID":"#).unwrap().to_owned(),
    ] {
        let error = error_of(Reply::text(200, "application/json", &body)).await;
        assert!(matches!(error, ClientError::InvalidAnswer { .. }), "{error:?}");
        assert!(!shown(&error).contains(TOKEN), "{error:?}");
    }
    let error = error_of(Reply::text(200, "text/plain", &format!("oops {whole}"))).await;
    assert!(error.to_string().contains(r#"is not a JSON object: "oops": is the base URL right?"#), "{error}");
}

#[tokio::test]
async fn value_that_does_not_fit_is_not_shown() {
    let processes = |pid: Value| Reply::json(200, &json!({"processes": [{ "pid": pid }]}));
    for pid in [json!(TOKEN), json!("a \"quoted\" hush")] {
        let (_service, runtime) = runtime(vec![processes(pid)]).await;
        let error = runtime.processes(&ONCE).await.unwrap_err();
        assert!(error.to_string().contains(r#"invalid type: string "…", expected u32 at line 1"#), "{error}");
        assert!(!shown(&error).contains(TOKEN) && !shown(&error).contains("hush"), "{error:?}");
    }
}
