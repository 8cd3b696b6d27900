use std::time::Duration;

use futures_util::FutureExt;
use sandbar_client::{Args, CallOptions, ClientError, CreateMany, Created, DeleteAll, OnFailure};
use sandbar_protocol::{CreateOptions, ListQuery, PublicState};
use serde_json::{Value, json};

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

fn running(id: &str) -> Reply {
    Reply::json(201, &json!({"sandboxID": id, "state": "running"}))
}

fn refused() -> Reply {
    Reply::json(422, &json!({"message": "no such template"}))
}

/// One at a time, so that the replies meet the requests in order.
fn many(count: usize, on_failure: OnFailure) -> CreateMany {
    CreateMany { count, options: CreateOptions::default(), concurrency: 1, on_failure }
}

fn args(options: &Value) -> Args {
    Args::parse(&json!({"count": 3, "options": options}).to_string()).unwrap()
}

#[tokio::test]
async fn all_are_created_in_order_and_progress_is_told() {
    let service = Service::start(vec![running("sb-1"), running("sb-2")]).await;
    let (sender, told) = std::sync::mpsc::channel();
    let progress = move |progress| sender.send(progress).unwrap();
    let report = service.client().create_many(&many(2, OnFailure::Delete), CALL, progress).await.unwrap();
    let ids: Vec<_> = report.created.iter().map(|answer| answer.value.sandbox_id.as_str()).collect();
    assert_eq!(ids, ["sb-1", "sb-2"]);
    assert!(report.errors.is_empty() && report.cleanup.is_none());
    assert_eq!(told.iter().collect::<Vec<_>>(), [Created { created: 1, failed: 0 }, Created { created: 2, failed: 0 }]);
}

#[tokio::test]
async fn after_a_failure_no_more_are_begun_and_the_others_are_deleted() {
    let service = Service::start(vec![running("sb-1"), refused(), Reply::empty(204)]).await;
    let report = service.client().create_many(&many(9, OnFailure::Delete), CALL, |_| ()).await.unwrap();
    assert_eq!(report.cleanup.as_ref().unwrap().deleted, ["sb-1"]);
    let lines: Vec<_> = service.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["POST /api/v1/sandboxes", "POST /api/v1/sandboxes", "DELETE /api/v1/sandboxes/sb-1"]);
    assert_eq!(
        report.message(9),
        "1 of 9 sandboxes could not be created; 1 that were created are deleted again: no such template"
    );
}

#[tokio::test]
async fn what_is_kept_is_kept_and_the_rest_is_tried() {
    let service = Service::start(vec![refused(), running("sb-2"), refused()]).await;
    let report = service.client().create_many(&many(3, OnFailure::Keep), CALL, |_| ()).await.unwrap();
    assert_eq!((report.created.len(), report.errors.len()), (1, 2));
    assert!(report.cleanup.is_none());
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn what_was_created_is_deleted_when_it_is_aborted() {
    let service =
        Service::start(vec![running("sb-1"), running("sb-2").after(Duration::from_millis(50)), Reply::empty(204)])
            .await;
    let client = service.client();
    let creating = tokio::spawn({
        let client = client.clone();
        async move { client.create_many(&many(9, OnFailure::Keep), CALL, |_| ()).await }
    });
    while service.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    creating.abort();
    client.settled().await;
    let mut deleted: Vec<_> = service.seen().iter().skip(2).map(|seen| seen.line()).collect();
    deleted.sort();
    assert_eq!(deleted, ["DELETE /api/v1/sandboxes/sb-1", "DELETE /api/v1/sandboxes/sb-2"]);
}

#[tokio::test]
async fn a_report_that_nobody_takes_is_deleted_whatever_the_limits_of_the_call_are() {
    let script = vec![running("sb-1"), running("sb-2"), Reply::empty(503), Reply::empty(204)];
    let service = Service::start(script).await;
    let client = service.client();
    let (sender, told) = std::sync::mpsc::channel();
    let progress = move |progress: Created| sender.send(progress.created).unwrap();
    let many = many(2, OnFailure::Delete);
    let mut creating = Box::pin(client.create_many(&many, CallOptions::once(), progress));
    assert!(creating.as_mut().now_or_never().is_none());
    while told.try_recv() != Ok(2) {
        tokio::task::yield_now().await;
    }
    drop(creating);
    client.settled().await;
    let deletes = service.seen().iter().skip(2).map(|seen| seen.line()).collect::<Vec<_>>();
    for id in ["sb-1", "sb-2"] {
        assert!(deletes.contains(&format!("DELETE /api/v1/sandboxes/{id}")), "{deletes:?}");
    }
    assert_eq!(deletes.len(), 3, "one was refused at first");
}

#[tokio::test]
async fn what_a_failed_clean_up_leaves_is_tried_again_in_the_background() {
    let script = vec![running("sb-1"), refused(), Reply::empty(503), Reply::empty(503), Reply::empty(204)];
    let service = Service::start(script).await;
    let client = service.client();
    let report = client.create_many(&many(2, OnFailure::Delete), CallOptions::once(), |_| ()).await.unwrap();
    assert_eq!(report.cleanup.as_ref().unwrap().failed.len(), 1);
    assert_eq!(report.ids(), Vec::<String>::new(), "they are not the caller's");
    client.settled().await;
    assert_eq!(service.seen().len(), 5);
}

#[test]
fn create_many_has_bounds_and_defaults() {
    let (many, call) = args(&json!({"timeout": 60, "requestTimeoutMs": 5})).create_many().unwrap();
    assert_eq!((many.count, many.concurrency, many.on_failure), (3, 8, OnFailure::Delete));
    assert_eq!(many.options.timeout, Some(60));
    assert_eq!(call.request_timeout, Some(Duration::from_millis(5)));
    let (many, _) = args(&json!({"concurrency": 64, "onFailure": "keep"})).create_many().unwrap();
    assert_eq!((many.concurrency, many.on_failure), (64, OnFailure::Keep));
    for (options, field) in [
        (json!({"concurrency": 0}), "concurrency"),
        (json!({"onFailure": "ignore"}), "onFailure"),
        (json!({"timeoutMs": 1}), "timeoutMs"),
        (json!({"idempotencyKey": "one"}), "idempotencyKey"),
    ] {
        assert_eq!(args(&options).create_many().unwrap_err().field, field);
    }
}

#[tokio::test]
async fn delete_all_reads_every_page_and_looks_again() {
    let entry = |id: &str| json!({"sandboxID": id, "metadata": {"app": "demo"}});
    let script = vec![
        Reply::json(200, &json!([entry("sb-1")])).with("x-next-token", "MQ").with("x-has-next", "true"),
        Reply::json(200, &json!([entry("sb-2"), {"sandboxID": "sb-9", "metadata": {"app": "other"}}])),
        Reply::empty(204),
        Reply::gone(),
        Reply::json(200, &json!([entry("sb-2")])),
    ];
    let service = Service::start(script).await;
    let query = ListQuery { metadata: [("app".into(), "demo".into())].into(), ..ListQuery::default() };
    let report = service.client().delete_all(&DeleteAll { query, concurrency: 1 }, CALL).await.unwrap();
    assert_eq!(report.deleted, ["sb-1", "sb-2"]);
    assert!(report.failed.is_empty());
    assert_eq!(service.seen().len(), 5);
}

/// Deletes what has `app: demo` and is paused, of a list with these entries; `details` are looked up after it.
async fn delete_paused(entries: serde_json::Value, details: Vec<Reply>) -> (Vec<String>, Vec<String>) {
    let mut script = vec![Reply::json(200, &entries)];
    script.extend(details);
    script.push(Reply::empty(204));
    script.push(Reply::json(200, &json!([])));
    let service = Service::start(script).await;
    let states = vec![PublicState::Paused];
    let query = ListQuery { metadata: [("app".into(), "demo".into())].into(), states, ..ListQuery::default() };
    let report = service.client().delete_all(&DeleteAll { query, concurrency: 1 }, CALL).await.unwrap();
    (report.deleted, report.failed.into_iter().map(|(id, error)| format!("{id}: {error}")).collect())
}

#[tokio::test]
async fn delete_all_leaves_alone_what_is_not_shown_to_be_meant() {
    let demo = json!({"app": "demo"});
    let entries = json!([
        {"sandboxID": "sb-other", "metadata": {"app": "other"}, "state": "paused"},
        {"sandboxID": "sb-runs", "metadata": demo, "state": "running"},
        {"sandboxID": "sb-meant", "metadata": demo, "state": "paused"},
    ]);
    assert_eq!(delete_paused(entries, vec![]).await, (vec!["sb-meant".to_owned()], vec![]));
}

#[tokio::test]
async fn delete_all_looks_up_what_the_list_does_not_show() {
    let entries = json!([{"sandboxID": "sb-1", "state": "paused"}]);
    let detail = |metadata| Reply::json(200, &json!({"sandboxID": "sb-1", "state": "paused", "metadata": metadata}));
    let meant = delete_paused(entries.clone(), vec![detail(json!({"app": "demo"}))]).await;
    assert_eq!(meant, (vec!["sb-1".to_owned()], vec![]));
    assert_eq!(delete_paused(entries.clone(), vec![detail(json!({"app": "x"}))]).await, (vec![], vec![]));
    assert_eq!(delete_paused(entries.clone(), vec![Reply::gone()]).await, (vec![], vec![]));
    let (deleted, failed) = delete_paused(entries, vec![detail(json!({"app": 7}))]).await;
    assert!(deleted.is_empty() && failed[0].contains("no readable `metadata` and `state`"), "{failed:?}");
}

#[tokio::test]
async fn delete_all_ends_where_tokens_lead_in_a_circle() {
    let page = |token: &str| Reply::json(200, &json!([])).with("x-next-token", token).with("x-has-next", "true");
    let service = Service::start(vec![page("a"), page("b"), page("a"), page("b"), page("a")]).await;
    let query = ListQuery { metadata: [("app".into(), "demo".into())].into(), ..ListQuery::default() };
    let report = service.client().delete_all(&DeleteAll { query, concurrency: 1 }, CALL).await.unwrap();
    assert!(report.deleted.is_empty());
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn a_list_that_fails_deletes_nothing() {
    let service = Service::start(vec![Reply::empty(403)]).await;
    let query = ListQuery { metadata: [("app".into(), "demo".into())].into(), ..ListQuery::default() };
    let outcome = service.client().delete_all(&DeleteAll { query, concurrency: 1 }, CALL).await;
    assert!(matches!(outcome, Err(ClientError::Api(_))));
    service.only();
}

#[test]
fn delete_all_insists_on_metadata() {
    for options in [json!({}), json!({"metadata": {}}), json!({"state": "running"})] {
        let error = args(&options).delete_all().unwrap_err();
        assert_eq!(error.field, "metadata");
        assert!(error.message.contains("would match every sandbox of the project"), "{error}");
    }
    let (all, _) = args(&json!({"metadata": {"a": "b"}, "state": "paused", "concurrency": 2})).delete_all().unwrap();
    assert_eq!((all.concurrency, all.query.states.len()), (2, 1));
}

#[tokio::test]
async fn key_is_refused_as_all_would_be_one_sandbox() {
    let service = Service::start(vec![running("sb-1")]).await;
    let call = CallOptions { idempotency_key: Some("order-7".to_owned()), ..CALL };
    let refused = service.client().create_many(&many(2, OnFailure::Delete), call, |_| ()).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Validation(error) if error.field == "idempotencyKey"), "{refused:?}");
    assert!(service.seen().is_empty());
}
