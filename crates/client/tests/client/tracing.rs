//! Requests of a call that belongs to a trace.

use sandbar_client::{Args, CallOptions, ClientOptions, TraceContext};
use sandbar_protocol::Secret;
use serde_json::json;

use crate::service::{Reply, Service, client_of};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn trace(traceparent: &str, tracestate: &str) -> TraceContext {
    TraceContext { traceparent: traceparent.to_owned(), tracestate: tracestate.to_owned() }
}

async fn service() -> Service {
    Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))]).await
}

#[tokio::test]
async fn they_say_where_they_belong() {
    let service = service().await;
    let client = service.client();
    client.clone().within(&trace(PARENT, "vendor=1")).get("sb-1", CallOptions::default()).await.unwrap();
    client.clone().within(&trace(PARENT, "")).get("sb-1", CallOptions::default()).await.unwrap();
    client.get("sb-1", CallOptions::default()).await.unwrap();
    let seen: Vec<_> = service
        .seen()
        .iter()
        .map(|seen| (seen.header("traceparent").to_owned(), seen.header("tracestate").to_owned()))
        .collect();
    let sent = |parent: &str, state: &str| (parent.to_owned(), state.to_owned());
    assert_eq!(seen, [sent(PARENT, "vendor=1"), sent(PARENT, ""), sent("", "")]);
}

#[tokio::test]
async fn a_header_of_the_callers_own_wins() {
    let service = service().await;
    let headers = vec![("traceparent".to_owned(), Secret::new("own"))];
    let client = client_of(&ClientOptions { headers, ..ClientOptions::default() }, &service.url());
    client.within(&trace(PARENT, "vendor=1")).get("sb-1", CallOptions::default()).await.unwrap();
    assert_eq!((service.only().header("traceparent"), service.only().header("tracestate")), ("own", ""));
}

#[tokio::test]
async fn what_http_cannot_carry_is_left_out() {
    let service = service().await;
    for broken in [trace("a\nb", ""), trace("", "vendor=1")] {
        service.client().within(&broken).get("sb-1", CallOptions::default()).await.unwrap();
    }
    service.client().within(&trace(PARENT, "a\nb")).get("sb-1", CallOptions::default()).await.unwrap();
    let parents: Vec<_> = service.seen().iter().map(|seen| seen.header("traceparent").to_owned()).collect();
    assert_eq!(parents, ["", "", PARENT]);
    assert!(service.seen().iter().all(|seen| seen.header("tracestate").is_empty()));
}

#[test]
fn the_arguments_of_a_call_carry_it() {
    let args = |text: &str| Args::parse(text).unwrap().trace();
    assert_eq!(args(r#"{"trace": {"traceparent": "p", "tracestate": "s"}}"#), Some(trace("p", "s")));
    assert_eq!(args(r#"{"trace": {"traceparent": "p"}}"#), Some(trace("p", "")));
    for none in ["{}", r#"{"trace": 7}"#, r#"{"trace": {"traceparent": 7}}"#] {
        assert_eq!(args(none), None, "{none}");
    }
}
