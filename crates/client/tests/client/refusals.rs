//! Answers that are errors, and answers that are none of the contract's.

use std::time::Duration;

use sandbar_client::{CallOptions, ClientError, ErrorRecord};
use sandbar_protocol::{CreateOptions, ListQuery};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

/// Each refusal by itself: what comes of repeats is seen elsewhere.
const CALL: CallOptions = CallOptions::once();

async fn get_error(reply: Reply) -> ClientError {
    Service::start(vec![reply]).await.client().get("sb-1", CALL).await.unwrap_err()
}

fn record(error: &ClientError) -> Value {
    serde_json::to_value(ErrorRecord::from(error)).unwrap()
}

#[tokio::test]
async fn each_status_has_its_class() {
    for (status, name, kind, retryable) in [
        (400, "APIError", "invalid_request", false),
        (401, "AuthenticationError", "authentication", false),
        (402, "APIError", "invalid_request", false),
        (403, "PermissionError", "permission", false),
        (404, "NotFoundError", "not_found", false),
        (408, "TimeoutAPIError", "timeout", true),
        (409, "ConflictError", "conflict", false),
        (410, "APIError", "invalid_request", false),
        (422, "APIError", "invalid_request", false),
        (429, "RateLimitError", "rate_limit", true),
        (500, "ServerError", "server", true),
        (501, "ServerError", "server", false),
        (503, "ServerError", "server", true),
        (599, "ServerError", "server", true),
    ] {
        let body =
            json!({"code": status, "message": "no", "request_id": "r-1", "error": {"code": "word", "message": "so"}});
        let record = record(&get_error(Reply::json(status, &body)).await);
        assert_eq!(record["name"], name, "{status}");
        assert_eq!(record["kind"], kind, "{status}");
        assert_eq!(record["retryable"], retryable, "{status}");
        assert_eq!(record["statusCode"], status);
        assert_eq!(record["code"], "word");
        assert_eq!(record["requestId"], "r-1");
    }
}

#[tokio::test]
async fn an_error_carries_everything_the_service_said() {
    let body = json!({
        "code": 404, "message": "no sandbox sb-1", "request_id": "r-1",
        "error": {"code": "sandbox_not_found", "message": "no sandbox sb-1", "details": {"state": "deleted"}},
    });
    let error = get_error(Reply::json(404, &body)).await;
    assert_eq!(
        record(&error),
        json!({
            "name": "NotFoundError", "message": "no sandbox sb-1", "kind": "not_found", "code": "sandbox_not_found",
            "statusCode": 404, "requestId": "r-1", "detail": {"state": "deleted"}, "body": body, "retryable": false,
            "attempts": 1, "method": "GET", "path": "/api/v1/sandboxes/sb-1", "sandboxId": "sb-1",
        })
    );
}

#[tokio::test]
async fn a_refused_key_says_where_keys_come_from_and_does_not_show_it() {
    let error = get_error(Reply::json(401, &json!({"message": format!("unknown key {KEY}")}))).await;
    assert_eq!(
        error.to_string(),
        "the API key was refused (401: unknown key [redacted]): check SEACLOUD_API_KEY or the `apiKey` option"
    );
    let everything = format!("{error:?}{}", ErrorRecord::from(&error).to_json());
    assert!(!everything.contains(KEY), "{everything}");
}

#[tokio::test]
async fn a_used_up_quota_is_not_worth_a_repeat() {
    let details = json!({"reason": "usage_limit", "limit": 20, "used": 20});
    let error = get_error(Reply::json(429, &json!({"message": "20 of 20 in use", "details": details}))).await;
    assert_eq!((&record(&error)["name"], &record(&error)["limit"]), (&json!("QuotaError"), &json!(20.0)));
    assert_eq!(record(&error)["detail"], details);
    assert!(!error.retryable());
}

#[tokio::test]
async fn the_service_may_say_when_to_come_back() {
    let error = get_error(Reply::empty(503).with("retry-after", "2")).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    assert_eq!(record(&error)["retryAfterMs"], 2000);
}

#[tokio::test]
async fn a_failed_sandbox_refuses_connect_with_its_diagnostic() {
    let details = json!({"diagnostic": {"reason": "start_command_failed", "message": "exit 1"}});
    let error = get_error(Reply::json(409, &json!({"message": "sb-1 has failed", "details": details}))).await;
    assert_eq!(record(&error)["diagnostic"]["reason"], "start_command_failed");
}

#[tokio::test]
async fn bodies_of_any_shape_are_read() {
    let error = get_error(Reply::json(400, &json!({"error": "plain words", "requestID": "r-2"}))).await;
    assert_eq!((error.to_string().as_str(), error.request_id()), ("plain words", Some("r-2")));
    let page = get_error(Reply::text(502, "text/html", "<h1>Bad Gateway</h1>")).await;
    assert_eq!(page.to_string(), "the service failed at GET /api/v1/sandboxes/sb-1 (502): try again later");
    assert_eq!(record(&page)["body"], "<h1>Bad Gateway</h1>");
    let nothing = get_error(Reply::empty(404)).await;
    assert_eq!(nothing.to_string(), "GET /api/v1/sandboxes/sb-1 is not there (404): is the base URL right?");
    assert_eq!(record(&nothing).get("body"), None);
}

#[tokio::test]
async fn a_404_that_is_not_the_services_own_is_not_gone() {
    let foreign = [
        Reply::text(404, "text/html", "<h1>Not Found</h1>"),
        Reply::json(404, &json!({"message": "no Route matched"})),
    ];
    for reply in foreign {
        let error = get_error(reply.clone()).await;
        let record = record(&error);
        assert_eq!((&record["name"], &record["kind"]), (&json!("APIError"), &json!("invalid_answer")));
        assert!(error.to_string().ends_with("): is the base URL right?"), "{error}");
        let client = Service::start(vec![reply]).await.client();
        assert!(client.delete("sb-1", CallOptions::new()).await.is_err());
    }
    let client = Service::start(vec![Reply::gone()]).await.client();
    assert!(!client.delete("sb-1", CallOptions::new()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_did_whose_answer_was_lost_is_done() {
    let client = Service::start(vec![Reply::empty(502), Reply::gone()]).await.client();
    assert!(client.delete("sb-1", CallOptions::new()).await.unwrap());
    let paused = Reply::empty(204).with("x-sandbox-previous-state", "paused");
    let client = Service::start(vec![Reply::empty(502), paused.clone()]).await.client();
    assert!(client.pause("sb-1", CallOptions::new()).await.unwrap());
    // The service did nothing at first, and said so.
    let client = Service::start(vec![Reply::empty(503), paused]).await.client();
    assert!(!client.pause("sb-1", CallOptions::new()).await.unwrap());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))]).await;
    let error = get_error(Reply::redirect(&format!("{}/elsewhere?token=hush", other.url()))).await;
    let message = error.to_string();
    assert!(message.contains(&format!("was redirected (302) to {}/elsewhere: ", other.url())), "{message}");
    assert!(message.contains("redirects are not followed"), "{message}");
    assert!(!format!("{error:?}").contains("hush"));
    assert_eq!(record(&error)["kind"], "redirect");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_success_that_is_not_the_contracts_is_an_error() {
    for (reply, words) in [
        (
            Reply::text(200, "text/html", "<html>\n<b>Welcome</b>"),
            "200 (text/html) with a body that is not a JSON object: \"<html> <b>Welcome</b>\"",
        ),
        (Reply::empty(200), "200 (no content type) with a body that is not a JSON object: is the base URL right?"),
        (Reply::json(200, &json!([])), "is not a JSON object"),
        (Reply::text(200, "application/json", "{\"sandboxID\":"), "does not fit"),
        (Reply::json(200, &json!({"envdAccessToken": "hush", "name": "x"})), "missing field `sandboxID`"),
        (Reply::text(200, "text/plain", &"x".repeat(500)), &format!("\"{}…\"", "x".repeat(80))),
    ] {
        let error = get_error(reply).await;
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.ends_with("is the base URL right?"), "{message}");
        assert!(!format!("{error:?}").contains("hush"));
        let record = record(&error);
        assert_eq!((&record["name"], &record["kind"]), (&json!("APIError"), &json!("invalid_answer")));
    }
}

#[tokio::test]
async fn a_list_must_be_a_list_of_sandboxes() {
    for body in [json!({"sandboxes": []}), json!([{"id": "sb-1"}])] {
        let service = Service::start(vec![Reply::json(200, &body)]).await;
        let error = service.client().list(&ListQuery::default(), CALL).await.unwrap_err();
        assert!(matches!(error, ClientError::InvalidAnswer { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_create_without_an_id_is_an_error() {
    let service = Service::start(vec![Reply::json(201, &json!({"ok": true}))]).await;
    let error = service.client().create(&CreateOptions::default(), CALL).await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidAnswer { status: 201, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_does_not_print_its_token() {
    let body = json!({"sandboxID": "sb-1", "envdAccessToken": "hush"});
    let service = Service::start(vec![Reply::json(200, &body)]).await;
    let answer = service.client().get("sb-1", CALL).await.unwrap();
    assert!(!format!("{answer:?}").contains("hush"));
}
