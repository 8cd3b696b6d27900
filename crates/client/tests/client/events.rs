//! What a client tells about its work.

use std::sync::{Arc, Mutex};

use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment, Event, EventLevel, EventSink};
use sandbar_protocol::CreateOptions;
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};

#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl EventSink for Kept {
    fn take(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Kept {
    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

fn observed(mut options: Value, environment: &[(&str, &str)]) -> (Client, Arc<Kept>) {
    options["apiKey"] = json!(KEY);
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: Environment = variables.collect();
    let config = Config::new(&ClientOptions::from_json(&options).unwrap(), &environment).unwrap();
    let kept = Arc::<Kept>::default();
    (Client::new(config).with_events(kept.clone()), kept)
}

#[tokio::test]
async fn each_request_is_told_with_its_answer() {
    let answers =
        vec![Reply::json(200, &json!({"sandboxID": "sb-1"})), Reply::json(404, &json!({"request_id": "r-9"}))];
    let service = Service::start(answers).await;
    let (client, kept) = observed(json!({"baseUrl": service.url()}), &[]);
    client.get("sb-1", CallOptions::default()).await.unwrap();
    client.pause("sb-1", CallOptions::default()).await.unwrap_err();
    let [opened, got, paused] = kept.events().try_into().unwrap();
    assert_eq!(opened.message, format!("opens connections to {}", service.url()));
    assert!(got.message.starts_with("GET /api/v1/sandboxes/sb-1 answered 200 in "), "{got:?}");
    assert_eq!(got.level, EventLevel::Debug);
    let fields = serde_json::to_value(&got.fields).unwrap();
    assert_eq!(fields["requestId"], service.seen()[0].header("x-request-id"));
    assert_eq!((&fields["method"], &fields["status"], &fields["attempt"]), (&json!("GET"), &json!(200), &json!(1)));
    assert_eq!((paused.fields.status, paused.fields.sandbox_id.as_deref()), (Some(404), Some("sb-1")));
}

#[tokio::test]
async fn a_request_without_an_answer_is_told_with_its_reason() {
    let (client, kept) = observed(json!({"baseUrl": "http://127.0.0.1:1"}), &[]);
    client.get("sb-1", CallOptions::once()).await.unwrap_err();
    let event = kept.events().pop().unwrap();
    assert!(event.message.contains("connection refused"), "{event:?}");
    assert_eq!(event.fields.kind, Some("refused"));
}

#[tokio::test]
async fn a_file_of_authorities_that_does_not_count_is_a_warning() {
    let (client, kept) =
        observed(json!({"baseUrl": "https://127.0.0.1:1"}), &[("NODE_EXTRA_CA_CERTS", "/nothing/here.pem")]);
    client.get("sb-1", CallOptions::once()).await.unwrap_err();
    let warnings: Vec<_> = kept.events().into_iter().filter(|event| event.level == EventLevel::Warn).collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].message.starts_with("NODE_EXTRA_CA_CERTS is ignored: \"/nothing/here.pem\" can't be read: "),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn no_secret_is_told() {
    let service = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let options = json!({"baseUrl": service.url(), "headers": {"x-token": "hush-hush-hush"}});
    let (client, kept) = observed(options, &[]);
    let query = serde_json::from_value::<Value>(json!({"metadata": {"customer": "hush-hush"}})).unwrap();
    let query = sandbar_protocol::ListQuery::from_json(&query).unwrap();
    client.list(&query, CallOptions::default()).await.unwrap();
    let told = format!("{:?}{}", kept.events(), serde_json::to_string(&kept.events()).unwrap());
    assert!(!told.contains("hush") && !told.contains(KEY), "{told}");
    assert!(service.only().line().contains("hush"));
}

#[tokio::test]
async fn a_sandbox_that_is_deleted_for_want_of_an_owner_is_a_warning() {
    let failed = Reply::json(201, &json!({"sandboxID": "sb-1", "state": "failed"}));
    let service = Service::start(vec![failed, Reply::empty(204)]).await;
    let (client, kept) = observed(json!({"baseUrl": service.url()}), &[]);
    client.create(&CreateOptions::default(), CallOptions::once()).await.unwrap_err();
    let warning = kept.events().into_iter().find(|event| event.level == EventLevel::Warn).unwrap();
    assert_eq!(warning.message, "deletes sandbox sb-1, which nobody got from its create");
    assert_eq!(warning.fields.sandbox_id.as_deref(), Some("sb-1"));
}
