use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

fn config(base_url: &str, headers: Value) -> Result<Config, ClientError> {
    let options = json!({"baseUrl": base_url, "apiKey": KEY, "headers": headers});
    Config::new(&ClientOptions::from_json(&options)?, &Environment::default())
}

fn client(base_url: &str, headers: Value) -> Client {
    Client::new(config(base_url, headers).unwrap())
}

fn refusal(headers: Value) -> (String, String) {
    let record = ErrorRecord::from(&config("http://a", headers).unwrap_err());
    assert_eq!(record.name, "ConfigurationError");
    assert!(!format!("{record:?}").contains("hush"), "{record:?}");
    (record.field.unwrap(), record.message)
}

fn sandbox() -> Reply {
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": "running"}))
}

#[tokio::test]
async fn every_request_carries_them_beside_the_clients_own() {
    let service = Service::start(vec![sandbox()]).await;
    let client = client(&service.url(), json!({"X-Team": "core", "traceparent": "00-1-2-03", "x-empty": ""}));
    client.get("sb-1", CallOptions::default()).await.unwrap();
    client.pause("sb-1", CallOptions::default()).await.unwrap();
    for seen in service.seen() {
        assert_eq!(seen.header("x-team"), "core");
        assert_eq!(seen.header("traceparent"), "00-1-2-03");
        assert_eq!(seen.headers.get("x-empty").map(|value| value.is_empty()), Some(true));
        assert_eq!(seen.header("x-api-key"), KEY);
        assert_eq!(seen.header("accept"), "application/json");
    }
}

#[tokio::test]
async fn clients_that_differ_in_headers_alone_share_their_connections() {
    let service = Service::start(vec![sandbox()]).await;
    for team in ["a", "b"] {
        let client = Client::shared(config(&service.url(), json!({"x-team": team})).unwrap());
        client.get("sb-1", CallOptions::default()).await.unwrap();
    }
    let teams: Vec<_> = service.seen().iter().map(|seen| seen.header("x-team").to_owned()).collect();
    assert_eq!((teams, service.connections()), (vec!["a".to_owned(), "b".to_owned()], 1));
}

#[test]
fn the_clients_own_headers_are_refused_with_a_way_out() {
    for (name, way_out) in [
        ("X-API-Key", "is the client's own: use `apiKey`"),
        ("authorization", "use `apiKey`"),
        ("x-project-id", "use `projectId`"),
        ("X-Request-ID", "leave it out"),
        ("idempotency-key", "leave it out"),
        ("Content-Type", "bodies are JSON"),
        ("content-length", "belongs to the connection, and can't be set"),
        ("Host", "it follows from `baseUrl`"),
        ("connection", "belongs to the connection"),
        ("transfer-encoding", "belongs to the connection"),
        ("proxy-authorization", "into the `proxy` URL"),
    ] {
        let (field, message) = refusal(json!({name: "hush-hush"}));
        assert_eq!(field, format!("headers.{name}"));
        assert!(message.starts_with(&format!("the header `{name}` of `headers` ")), "{message}");
        assert!(message.contains(way_out), "{message}");
    }
}

#[test]
fn what_http_cannot_carry_is_refused_by_name_and_never_by_value() {
    for (headers, field, words) in [
        (json!({"x a": "hush"}), "headers.x a", "has a name that HTTP can't carry"),
        (json!({"": "hush"}), "headers.", "has a name that HTTP can't carry"),
        (json!({"x\r\nx-api-key": "hush"}), "headers.x\r\nx-api-key", r"the header `x\r\nx-api-key` of `headers`"),
        (json!({"x-a": "hush\r\nx-b: 1"}), "headers.x-a", "characters that an HTTP header can't carry"),
        (json!({"x-a": "hüsh"}), "headers.x-a", "characters that an HTTP header can't carry"),
        (json!({"x-a": "hush "}), "headers.x-a", "begins or ends with white space"),
        (json!({"x-a": "1", "X-A": "hush"}), "headers.X-A", "is given twice: case does not count"),
        (json!({"x-a": 7}), "headers.x-a", "must be a string, got a number"),
        (json!({"x-a": ["hush"]}), "headers.x-a", "must be a string, got an array"),
        (json!("x-a: hush"), "headers", "must be an object of strings, got a string"),
        (json!({"\u{0}kind": "a Map"}), "headers", "must be an object of strings, got a Map"),
    ] {
        let (named, message) = refusal(headers);
        assert_eq!(named, field);
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn values_are_printed_by_nothing() {
    for status in [200, 400] {
        let echo = format!("who sends hush-hush-hush with {KEY}?");
        let service = Service::start(vec![Reply::text(status, "text/plain", &echo)]).await;
        let config = config(&service.url(), json!({"x-token": "hush-hush-hush"})).unwrap();
        assert!(format!("{config:?}").contains("x-token"));
        let error = Client::new(config.clone()).get("sb-1", CallOptions::default()).await.unwrap_err();
        let record = ErrorRecord::from(&error);
        assert!(record.to_json().contains("who sends [redacted] with [redacted]?"), "{record:?}");
        let printed = format!("{config:?}{error:?}{error}{record:?}{}", record.to_json());
        assert!(!printed.contains("hush") && !printed.contains(KEY), "{printed}");
    }
}
