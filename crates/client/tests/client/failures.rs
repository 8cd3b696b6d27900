//! Requests that get no answer.

use std::time::Duration;

use sandbar_client::{CallOptions, ClientError, ClientOptions, ErrorRecord, TransportKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::service::{Reply, Service, client_of};

/// Each failure by itself: what comes of repeats is seen elsewhere.
const ONCE: CallOptions = CallOptions::once();

fn kind_of(error: &ClientError) -> TransportKind {
    match error {
        ClientError::Transport { kind, .. } => *kind,
        other => panic!("{other:?}"),
    }
}

async fn error_at(base_url: &str) -> ClientError {
    let client = client_of(&ClientOptions::default(), base_url);
    client.get("sb-1", ONCE).await.unwrap_err()
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let error = error_at(&format!("http://{address}")).await;
    assert_eq!(kind_of(&error), TransportKind::Refused);
    assert_eq!(
        error.to_string(),
        format!(
            "could not reach http://{address}: connection refused: is the service running? `sandbar dev -- <command>` \
             starts a local one"
        )
    );
    let record = ErrorRecord::from(&error);
    assert_eq!((record.name, record.kind, record.retryable), ("TransportError", "refused", true));
    assert!(record.causes.last().unwrap().contains("refused"), "{:?}", record.causes);
    assert_eq!(record.sandbox_id.as_deref(), Some("sb-1"));
}

#[tokio::test]
async fn an_unknown_host_is_a_matter_of_dns() {
    let error = error_at("http://nothing.invalid").await;
    assert_eq!(kind_of(&error), TransportKind::Dns);
    assert!(error.to_string().starts_with("could not reach http://nothing.invalid: its host name is not known"));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_reset() {
    for answer_begun in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 16]).await.unwrap();
            if answer_begun {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"sand";
                stream.write_all(head).await.unwrap();
            }
        });
        let error = error_at(&format!("http://{address}")).await;
        assert_eq!(kind_of(&error), TransportKind::Reset, "{error:?}");
        assert!(error.to_string().contains("was lost before the answer came"), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_speak_http_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 16]).await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
    });
    let error = error_at(&format!("http://{address}")).await;
    assert_eq!(kind_of(&error), TransportKind::Protocol, "{error:?}");
    assert!(error.to_string().starts_with(&format!("what answers at http://{address} does not speak HTTP")), "{error}");
}

#[tokio::test]
async fn a_request_without_an_answer_ends_at_its_limit() {
    let service = Service::start(vec![Reply::Never]).await;
    let call = CallOptions { request_timeout: Some(Duration::from_millis(50)), ..CallOptions::new() };
    let error = service.client().pause("sb-1", call).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "POST /api/v1/sandboxes/sb-1/pause had no answer within 0.05 s: raise `requestTimeoutMs` if that is too short"
    );
    let record = ErrorRecord::from(&error);
    assert_eq!((record.name, record.kind, record.retryable), ("RequestTimeoutError", "request_timeout", true));
}

#[tokio::test]
async fn the_limit_of_the_client_counts_where_the_call_has_none() {
    let service = Service::start(vec![Reply::Never]).await;
    let options = ClientOptions { request_timeout: Some(Duration::from_millis(50)), ..ClientOptions::default() };
    let error = client_of(&options, &service.url()).get("sb-1", CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken_in() {
    let service = Service::start(vec![Reply::text(200, "application/json", &" ".repeat(33 * 1024 * 1024))]).await;
    let error = service.client().get("sb-1", ONCE).await.unwrap_err();
    assert!(error.to_string().contains("200 (application/json) with a body larger than 32 MiB"), "{error}");
    assert!(!error.retryable());
}
