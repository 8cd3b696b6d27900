//! `NODE_EXTRA_CA_CERTS`: authorities beside the system's.

use std::path::Path;

use sandbar_client::{CallOptions, Client, ClientOptions, Config, Environment, ErrorRecord};
use serde_json::{Value, json};

use crate::service::{KEY, Reply, Service};
use crate::tls::authority;

fn client(mut options: Value, file: &Path) -> Client {
    options["apiKey"] = json!(KEY);
    let variables = [("NODE_EXTRA_CA_CERTS".to_owned(), file.to_str().unwrap().to_owned())];
    let environment: Environment = variables.into_iter().collect();
    Client::new(Config::new(&ClientOptions::from_json(&options).unwrap(), &environment).unwrap())
}

async fn service() -> (Service, String, String) {
    let (ca, acceptor) = authority(&[]);
    let service = Service::start_tls(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))], acceptor).await;
    let url = format!("https://localhost:{}", service.address.port());
    (service, url, ca)
}

#[tokio::test]
async fn its_authorities_are_trusted() {
    let (_service, url, ca) = service().await;
    let (other, _) = authority(&[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), other + &ca).unwrap();
    client(json!({"baseUrl": url}), file.path()).get("sb-1", CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn the_option_ca_is_trusted_alone() {
    let (_service, url, ca) = service().await;
    let (other, _) = authority(&[]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), ca).unwrap();
    let client = client(json!({"baseUrl": url, "ca": other}), file.path());
    let error = client.get("sb-1", CallOptions::default()).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).kind, "tls");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_changes_nothing() {
    let (_service, url, _) = service().await;
    let plain = Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))]).await;
    let empty = tempfile::NamedTempFile::new().unwrap();
    for file in [empty.path(), Path::new("/nothing/here.pem")] {
        let error = client(json!({"baseUrl": url}), file).get("sb-1", CallOptions::default()).await.unwrap_err();
        assert_eq!(ErrorRecord::from(&error).kind, "tls");
        client(json!({"baseUrl": plain.url()}), file).get("sb-1", CallOptions::default()).await.unwrap();
    }
}
