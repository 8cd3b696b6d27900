use sandbar_client::{Args, CallOptions, ClientError, Onlooker, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, LogsQuery};
use serde_json::{Value, json};

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

fn lines(messages: &[&str], next_cursor: u64) -> Reply {
    let logs: Vec<_> = messages.iter().map(|message| json!({"message": message})).collect();
    Reply::json(200, &json!({"logs": logs, "nextCursor": next_cursor}))
}

fn detail(state: &str, phases: &[&str]) -> Reply {
    let timeline: Vec<_> = phases.iter().map(|phase| json!({"phase": phase})).collect();
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": state, "timeline": timeline}))
}

fn phases(news: &str) -> Vec<String> {
    let news: Value = serde_json::from_str(news).unwrap();
    news["events"].as_array().unwrap().iter().map(|event| event["phase"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_log_is_read_to_its_end_each_line_once() {
    let script = vec![
        lines(&["a"], 1),
        Reply::empty(503),
        lines(&["b"], 2),
        lines(&[], 2),
        detail("deleted", &[]),
        lines(&["c"], 3),
        lines(&[], 3),
    ];
    let service = Service::start(script).await;
    let mut follower = service.client().follow_logs("sb-1", LogsQuery::default(), CALL);
    let mut seen = Vec::new();
    while let Some(window) = follower.next().await.unwrap() {
        seen.extend(window.value.logs.into_iter().map(|line| line.message));
    }
    assert_eq!(seen, ["a", "b", "c"]);
    let cursors: Vec<_> = service.seen().iter().map(|seen| seen.target.contains("cursor=1")).collect();
    assert_eq!(cursors[1..3], [true, true], "the window that was lost is asked for again");
}

#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() {
    let service = Service::start(vec![Reply::Never, lines(&["a"], 1)]).await;
    let mut follower = service.client().follow_logs("sb-1", LogsQuery::default(), CALL);
    tokio::select! {
        biased;
        _ = follower.next() => panic!("there is no answer"),
        () = async { while service.seen().is_empty() { tokio::task::yield_now().await } } => (),
    }
    assert_eq!(follower.next().await.unwrap().unwrap().value.logs[0].message, "a");
}

#[tokio::test]
async fn a_log_that_never_was_is_an_error() {
    let service = Service::start(vec![Reply::empty(404)]).await;
    let outcome = service.client().follow_logs("sb-1", LogsQuery::default(), CALL).next().await;
    assert!(matches!(outcome, Err(ClientError::Api(error)) if error.status == 404));
}

#[tokio::test]
async fn a_timeline_is_watched_to_its_end() {
    let script = vec![
        detail("running", &["created"]),
        detail("running", &["created"]),
        detail("failed", &["created", "failed"]),
    ];
    let service = Service::start(script).await;
    let mut watch = service.client().watch("sb-1", CALL);
    assert_eq!(phases(&watch.next().await.unwrap().unwrap()), ["created"]);
    assert_eq!(phases(&watch.next().await.unwrap().unwrap()), ["failed"]);
    assert_eq!(watch.next().await.unwrap(), None);
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn an_onlooker_sees_all_of_a_wait() {
    let script = vec![
        detail("starting", &["created"]),
        detail("starting", &["created"]),
        detail("running", &["created", "ready"]),
    ];
    let service = Service::start(script).await;
    let options = CreateOptions { wait_ready: true, ..CreateOptions::default() };
    let (onlooker, mut progress) = Onlooker::with_progress();
    service.client().create_seen(&options, &onlooker, CALL).await.unwrap();
    drop(onlooker);
    assert_eq!(service.seen()[0].json(), json!({"templateID": "base"}));
    assert_eq!(phases(&progress.next().await.unwrap()), ["created"]);
    assert_eq!(phases(&progress.next().await.unwrap()), ["ready"]);
    assert_eq!(progress.next().await, None);
}

#[tokio::test]
async fn an_onlooker_of_connect_sees_its_answer() {
    let service = Service::start(vec![detail("running", &["created", "ready"])]).await;
    let (onlooker, mut progress) = Onlooker::with_progress();
    let options = ConnectOptions::default();
    service.client().connect_seen("sb-1", &options, Wait::UntilReady, &onlooker, CALL).await.unwrap();
    assert_eq!(phases(&progress.next().await.unwrap()), ["created", "ready"]);
}

#[test]
fn logs_that_are_followed_have_no_direction_and_no_limit() {
    let args = |options: Value| Args::parse(&json!({"sandboxId": "sb-1", "options": options}).to_string()).unwrap();
    for field in ["limit", "direction"] {
        assert_eq!(args(json!({"follow": true, field: 1})).follow_logs().unwrap_err().field, field);
    }
    let (id, query, _) = args(json!({"follow": true, "cursor": 7, "search": "x"})).follow_logs().unwrap();
    assert_eq!((id.as_str(), query.cursor, query.search.as_deref()), ("sb-1", Some(7), Some("x")));
    assert!(args(json!({"follow": false, "limit": 1})).logs().is_ok());
    assert_eq!(args(json!({"follow": "no"})).logs().unwrap_err().field, "follow");
}

#[test]
fn keep_alive_has_bounds_and_a_default() {
    let args = |options: Value| Args::parse(&json!({"sandboxId": "sb-1", "options": options}).to_string()).unwrap();
    assert_eq!(args(json!({})).keep_alive().unwrap().0.duration.as_secs(), 300);
    assert_eq!(args(json!({"duration": 3600})).keep_alive().unwrap().0.duration.as_secs(), 3600);
    for duration in [0, 3601] {
        assert_eq!(args(json!({"duration": duration})).keep_alive().unwrap_err().field, "duration");
    }
}
