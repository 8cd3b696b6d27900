//! No redirect is followed, wherever it points: the key stays with the host that it was given for.

use sandbar_client::{CallOptions, ClientError, ErrorRecord};
use sandbar_protocol::CreateOptions;
use serde_json::json;

use crate::service::{Reply, Service};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

fn redirects(to: &str) -> Vec<Reply> {
    STATUSES.iter().map(|status| Reply::empty(*status).with("location", to)).collect()
}

fn assert_redirect(error: &ClientError, status: u16) {
    let record = ErrorRecord::from(error);
    assert_eq!((record.name, record.kind, record.status_code), ("APIError", "redirect", Some(status)), "{error:?}");
    assert!(!record.retryable);
    assert!(!record.to_json().contains("hush"), "{record:?}");
}

#[tokio::test]
async fn another_host_never_hears_of_the_request() {
    let other = Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))]).await;
    for to in [other.url() + "/api/v1/sandboxes/sb-1?token=hush", format!("//{}/x", other.address)] {
        let service = Service::start(redirects(&to)).await;
        for status in STATUSES {
            assert_redirect(&service.client().get("sb-1", CallOptions::default()).await.unwrap_err(), status);
        }
        assert_eq!((service.seen().len(), other.connections()), (STATUSES.len(), 0));
    }
}

#[tokio::test]
async fn the_same_host_is_not_asked_again() {
    let service = Service::start(redirects("/api/v1/sandboxes/sb-2")).await;
    for status in STATUSES {
        let error = service.client().create(&CreateOptions::default(), CallOptions::default()).await.unwrap_err();
        assert_redirect(&error, status);
    }
    assert!(service.seen().iter().all(|seen| seen.line() == "POST /api/v1/sandboxes"));
    assert_eq!(service.seen().len(), STATUSES.len());
}

#[tokio::test]
async fn a_delete_is_not_carried_to_another_place() {
    let other = Service::start(vec![Reply::empty(204)]).await;
    let service = Service::start(redirects(&(other.url() + "/api/v1/sandboxes/sb-1"))).await;
    for status in STATUSES {
        assert_redirect(&service.client().delete("sb-1", CallOptions::default()).await.unwrap_err(), status);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_secret_in_the_new_place_is_not_told() {
    for to in ["http://user:hush@other.example/x?key=hush#hush", "//user:hush@other.example/x", "/x?key=hush"] {
        let service = Service::start(vec![Reply::redirect(to)]).await;
        let error = service.client().get("sb-1", CallOptions::default()).await.unwrap_err();
        assert_redirect(&error, 302);
        assert!(error.to_string().contains("/x: "), "{error}");
    }
}
