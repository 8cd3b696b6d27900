use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment, ErrorRecord};
use sandbar_protocol::Secret;
use serde_json::json;

use crate::service::{KEY, Reply, Service, client_of};

const CALL: CallOptions = CallOptions::new();

fn sandbox() -> Reply {
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": "running"}))
}

fn options(service: &Service, key: &str) -> ClientOptions {
    ClientOptions { base_url: Some(service.url()), api_key: Some(Secret::new(key)), ..ClientOptions::default() }
}

fn shared(options: &ClientOptions) -> Client {
    Client::shared(Config::new(options, &Environment::default()).unwrap())
}

#[tokio::test]
async fn many_calls_use_one_connection() {
    let service = Service::start(vec![sandbox()]).await;
    let client = service.client();
    for _ in 0..20 {
        client.get("sb-1", CALL).await.unwrap();
    }
    assert_eq!((service.seen().len(), service.connections()), (20, 1));
}

#[tokio::test]
async fn shared_clients_of_one_endpoint_use_one_connection() {
    let service = Service::start(vec![sandbox()]).await;
    for _ in 0..3 {
        shared(&options(&service, KEY)).get("sb-1", CALL).await.unwrap();
    }
    assert_eq!(service.connections(), 1);
    shared(&options(&service, "another key")).get("sb-1", CALL).await.unwrap();
    assert_eq!(service.connections(), 2);
    assert_eq!(service.seen()[3].header("x-api-key"), "another key");
}

#[tokio::test]
async fn no_proxy_stands_before_this_machine() {
    let service = Service::start(vec![sandbox()]).await;
    let proxied = ClientOptions { proxy: Some(Secret::new("http://127.0.0.1:1")), ..ClientOptions::default() };
    assert!(client_of(&proxied, &service.url()).get("sb-1", CALL).await.is_ok());
}

#[tokio::test]
async fn a_proxy_carries_requests_to_other_machines() {
    let proxy = Service::start(vec![sandbox()]).await;
    let proxied = ClientOptions { proxy: Some(Secret::new(proxy.url())), ..ClientOptions::default() };
    client_of(&proxied, "http://far.invalid").get("sb-1", CALL).await.unwrap();
    assert_eq!(proxy.only().line(), "GET http://far.invalid/api/v1/sandboxes/sb-1");
}

#[tokio::test]
async fn a_proxy_that_fails_is_told_apart_from_the_service() {
    let refusing = Service::start(vec![Reply::empty(407)]).await;
    let dead = "http://user:hush@127.0.0.1:1".to_owned();
    for (proxy, base_url) in
        [(dead.clone(), "http://far.invalid"), (dead, "https://far.invalid"), (refusing.url(), "https://far.invalid")]
    {
        let proxied = ClientOptions { proxy: Some(Secret::new(proxy)), ..ClientOptions::default() };
        let error = client_of(&proxied, base_url).get("sb-1", CALL).await.unwrap_err();
        let record = ErrorRecord::from(&error);
        assert_eq!(record.kind, "proxy", "{error:?}");
        assert!(record.message.starts_with(&format!("could not get through the proxy to {base_url}: ")), "{record:?}");
        assert!(!format!("{error:?}{}", record.to_json()).contains("hush"));
    }
}
