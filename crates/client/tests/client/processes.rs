//! Processes that are followed: what of their streams is told, and what becomes of a lost connection.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbar_client::{
    Args, Attach, CallOptions, ClientError, ErrorRecord, FollowLoss, InputCall, OutputStream, Process, Runtime,
    Selector, StartRequest,
};
use sandbar_protocol::{Envd, Secret};
use serde_json::{Value, json};

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();
const PID: u32 = 7;

pub(crate) fn runtime(inside: &Service, service: &Service) -> Runtime {
    let envd = Envd { envd_url: Some(inside.url()), envd_access_token: Some(Secret::new("tok")) };
    service.client().runtime("sb-1", Some(envd)).unwrap()
}

/// The service says that the sandbox runs, at the same place as ever.
pub(crate) async fn running(inside: &Service) -> Service {
    let detail = json!({"sandboxID": "sb-1", "state": "running", "envdUrl": inside.url(), "envdAccessToken": "tok"});
    Service::start(vec![Reply::json(200, &detail)]).await
}

pub(crate) fn frame(flags: u8, message: &Value) -> String {
    let text = message.to_string();
    // So that the length is text as well.
    assert!(text.len() < 128, "{text}");
    let length = char::from(u8::try_from(text.len()).unwrap());
    format!("{}\0\0\0{length}{text}", char::from(flags))
}

pub(crate) fn event(event: &Value) -> String {
    frame(0, &json!({ "event": event }))
}

pub(crate) fn start() -> String {
    event(&json!({"start": {"pid": PID, "cmdId": "cmd-1"}}))
}

pub(crate) fn data(stream: &str, bytes: &[u8]) -> String {
    event(&json!({"data": {stream: STANDARD.encode(bytes)}}))
}

pub(crate) fn end(status: &str, exited: bool) -> String {
    let end = json!({"exited": exited, "status": status, "error": null});
    format!("{}{}", event(&json!({ "end": end })), frame(2, &json!({})))
}

pub(crate) fn stream(frames: &[String]) -> Reply {
    Reply::text(200, "application/connect+json", &frames.concat())
}

pub(crate) fn not_found(message: &str) -> Reply {
    Reply::json(404, &json!({"code": "not_found", "message": message}))
}

fn follow(runtime: &Runtime) -> Process {
    let mut request = StartRequest::default();
    request.process.cmd = "work".to_owned();
    runtime.follow_process(Attach::Start(request), &CALL)
}

pub(crate) fn routes(inside: &Service) -> Vec<String> {
    inside.seen().iter().map(|seen| seen.target.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn output_is_told_by_streams_in_order_and_without_cut_characters() {
    let cut = "é".as_bytes();
    let frames = [
        start(),
        event(&json!({"keepalive": {}})),
        data("stdout", &cut[..1]),
        data("stderr", b"err"),
        data("stdout", &cut[1..]),
        end("exit status 3", true),
    ];
    let inside = Service::start(vec![stream(&frames)]).await;
    let process = follow(&runtime(&inside, &inside));
    assert_eq!(process.started().await.unwrap().pid, PID);
    let mut reader = process.reader();
    let mut pieces = Vec::new();
    while let Some(piece) = reader.next().await {
        pieces.push((piece.stream, String::from_utf8(piece.bytes).unwrap()));
    }
    assert_eq!(pieces, [(OutputStream::Stderr, "err".to_owned()), (OutputStream::Stdout, "é".to_owned())]);
    let result = process.wait().await.unwrap();
    assert_eq!((result.stdout.as_str(), result.stderr.as_str(), result.exit_code), ("é", "err", 3));
    assert_eq!(inside.only().json(), json!({"process": {"cmd": "work"}, "stdin": false}));
}

#[tokio::test]
async fn a_lost_stream_goes_on_where_it_was() {
    let inside = Service::start(vec![
        stream(&[start(), data("stdout", b"one "), data("stderr", b"e1 ")]),
        stream(&[start(), data("stdout", b"on")]),
        stream(&[
            start(),
            data("stdout", b"one tw"),
            data("stderr", b"e1 e2"),
            data("stdout", b"o"),
            end("exit status 0", true),
        ]),
    ])
    .await;
    let process = follow(&runtime(&inside, &running(&inside).await));
    let result = process.wait().await.unwrap();
    assert_eq!((result.stdout.as_str(), result.stderr.as_str(), result.exit_code), ("one two", "e1 e2", 0));
    assert_eq!(routes(&inside), ["Start", "Connect", "Connect"]);
    assert_eq!(inside.seen()[1].json(), json!({"process": {"pid": PID}}));
}

#[tokio::test]
async fn the_rest_of_a_process_that_ended_meanwhile_comes_with_its_result() {
    let result = json!({"exitCode": 5, "stdout": "one two", "stderr": ""});
    let inside = Service::start(vec![
        stream(&[start(), data("stdout", b"one ")]),
        not_found("process not found"),
        not_found("the process has not finished"),
        Reply::json(200, &result),
    ])
    .await;
    let process = follow(&runtime(&inside, &running(&inside).await));
    let result = process.wait().await.unwrap();
    assert_eq!((result.stdout.as_str(), result.exit_code), ("one two", 5));
    assert_eq!(routes(&inside), ["Start", "Connect", "GetResult", "GetResult"]);
}

#[tokio::test]
async fn output_that_does_not_fit_what_came_before_is_an_error_that_names_the_process() {
    let inside = Service::start(vec![
        stream(&[start(), data("stdout", b"one ")]),
        stream(&[start(), data("stdout", b"and then more"), end("exit status 0", true)]),
    ])
    .await;
    let process = follow(&runtime(&inside, &running(&inside).await));
    let error = process.wait().await.unwrap_err();
    assert!(
        matches!(&*error, ClientError::NotFollowed { pid: Some(PID), cause: FollowLoss::OutputLost, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("process 7") && error.to_string().contains("connect(7)"), "{error}");
}

#[tokio::test]
async fn a_connection_that_does_not_come_back_is_an_error_that_names_the_process() {
    let inside =
        Service::start(vec![stream(&[start(), data("stdout", b"one ")]), Reply::json(400, &json!({"code": "odd"}))])
            .await;
    let process = follow(&runtime(&inside, &running(&inside).await));
    let error = process.wait().await.unwrap_err();
    let record = ErrorRecord::from(&*error);
    assert_eq!((record.name, record.pid, record.sandbox_id.as_deref()), ("TransportError", Some(PID), Some("sb-1")));
    assert!(record.message.contains("it goes on"), "{}", record.message);
}

#[tokio::test]
async fn a_process_of_a_sandbox_that_was_paused_is_not_said_to_go_on() {
    let paused = Service::start(vec![Reply::json(200, &json!({"sandboxID": "sb-1", "state": "paused"}))]).await;
    let inside =
        Service::start(vec![stream(&[start()]), Reply::json(409, &json!({"code": "failed_precondition"}))]).await;
    let error = follow(&runtime(&inside, &paused)).wait().await.unwrap_err();
    assert!(matches!(&*error, ClientError::NotRunning(_)), "{error:?}");
}

#[tokio::test]
async fn a_killed_process_has_the_exit_code_of_its_result_or_that_of_sigkill() {
    let killed = stream(&[start(), end("signal: terminated", false)]);
    let result = Reply::json(200, &json!({"exitCode": 143, "stdout": "", "stderr": ""}));
    for (answer, exit_code) in [(result, 143), (not_found("process not found"), 137)] {
        let inside = Service::start(vec![killed.clone(), answer]).await;
        assert_eq!(follow(&runtime(&inside, &inside)).wait().await.unwrap().exit_code, exit_code);
    }
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_not_tried_again() {
    let inside = Service::start(vec![Reply::empty(502)]).await;
    let error = follow(&runtime(&inside, &inside)).started().await.unwrap_err();
    assert!(matches!(&*error, ClientError::Api(error) if error.status == 502), "{error:?}");
    assert_eq!(routes(&inside).iter().filter(|route| *route == "Start").count(), 1);
}

#[tokio::test]
async fn a_process_that_is_doomed_before_it_has_started_is_killed() {
    let inside = Service::start(vec![
        stream(&[start(), end("signal: killed", false)]).after(Duration::from_millis(50)),
        Reply::json(200, &json!({})),
    ])
    .await;
    let process = follow(&runtime(&inside, &inside));
    process.doom();
    // Nobody is interested any more.
    drop(process);
    while inside.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    let kill = &inside.seen()[1];
    assert_eq!(kill.line(), "POST /process.Process/SendSignal");
    assert_eq!(kill.json(), json!({"process": {"pid": PID}, "signal": "SIGNAL_SIGKILL"}));
}

#[tokio::test]
async fn a_process_that_is_left_is_told_as_such_to_all_who_wait() {
    let inside = Service::start(vec![Reply::Never]).await;
    let process = Arc::new(follow(&runtime(&inside, &inside)));
    let waiting = tokio::spawn({
        let process = Arc::clone(&process);
        async move { process.wait().await }
    });
    process.disconnect();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(&*error, ClientError::NotFollowed { cause: FollowLoss::Disconnected, .. }), "{error:?}");
    assert_eq!(process.reader().next().await, None);
}

#[tokio::test]
async fn input_is_sent_in_pieces_and_never_twice() {
    let inside = Service::start(vec![Reply::json(200, &json!({})), Reply::empty(502)]).await;
    let process = Selector::Pid(PID);
    let input = InputCall { process, bytes: vec![b'x'; 2_500_000], to_terminal: false };
    let outcome = runtime(&inside, &inside).send_input(&input, &CALL).await;
    assert!(outcome.is_err());
    let sizes: Vec<_> = inside
        .seen()
        .iter()
        .filter(|seen| seen.method == "POST")
        .map(|seen| seen.json()["input"]["stdin"].as_str().unwrap().len())
        .collect();
    assert_eq!(sizes, [1_398_104, 1_398_104], "the second piece failed, and nothing came after it");
}

#[tokio::test]
async fn what_a_process_did_not_take_yet_is_sent_again() {
    let taken = |written: usize| Reply::json(200, &json!({"written": written}));
    let inside = Service::start(vec![taken(100), taken(0), taken(50)]).await;
    let process = Selector::Pid(PID);
    let input = InputCall { process, bytes: (0..150).collect(), to_terminal: false };
    runtime(&inside, &inside).send_input(&input, &CALL).await.unwrap();
    let texts: Vec<_> = inside.seen().iter().map(|seen| seen.json()["input"]["stdin"].clone()).collect();
    let rest = STANDARD.encode((100..150).collect::<Vec<u8>>());
    assert_eq!(texts, [STANDARD.encode((0..150).collect::<Vec<u8>>()), rest.clone(), rest]);
}

#[tokio::test]
async fn a_process_that_does_not_read_for_the_time_limit_is_an_error_that_says_how_much_went_in() {
    let taken = |written: usize| Reply::json(200, &json!({"written": written}));
    let inside = Service::start(vec![taken(100), taken(0)]).await;
    let input = InputCall { process: Selector::Pid(PID), bytes: vec![b'x'; 150], to_terminal: false };
    let call = CallOptions { request_timeout: Some(Duration::from_millis(250)), ..CALL };
    let error = runtime(&inside, &inside).send_input(&input, &call).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    assert!(error.to_string().contains("100 of 150 bytes went in"), "{error}");
}

#[tokio::test]
async fn there_is_nothing_to_kill_where_nothing_runs() {
    let inside = Service::start(vec![not_found("process not found")]).await;
    assert!(!runtime(&inside, &inside).kill_process(&Selector::Tag("web".to_owned()), &CALL).await.unwrap());
    assert_eq!(inside.only().json()["process"], json!({"tag": "web"}));
}

#[test]
fn wrong_arguments_of_processes_are_named() {
    let args = |args: Value| Args::parse(&args.to_string()).unwrap();
    let of = |value: Value| args(json!({"process": value})).of_process().unwrap_err();
    for value in [json!("7"), json!(0), json!(1.5), json!(null), json!({"pid": 7})] {
        assert_eq!(of(value.clone()).field, "pid", "{value}");
    }
    assert_eq!(of(json!({"tag": ""})).field, "tag");
    let signal = |name: Value| args(json!({"process": 7, "signal": name})).signal_process();
    for name in ["SIGTERM", "term", "SIGNAL_SIGTERM"] {
        assert_eq!(signal(json!(name)).unwrap().1, "SIGTERM", "{name}");
    }
    for name in ["SIG;", "SIGFOO", "", "SIG"] {
        let error = signal(json!(name)).unwrap_err();
        assert_eq!(error.field, "signal", "{name}");
        assert!(error.message.starts_with("`signal` must be a signal's name, got a string"), "{error}");
    }
    assert!(signal(json!("SIGTREM")).unwrap_err().message.ends_with("(did you mean SIGTERM?)"));
    let size = args(json!({"process": 7, "size": {"cols": 80, "rows": 70_000}})).resize().unwrap_err();
    assert_eq!(size.field, "rows");
    let start = |options: Value| args(json!({"cmd": "true", "options": options})).start().unwrap_err();
    assert_eq!(start(json!({"user": "a b"})).field, "user");
    assert_eq!(start(json!({"stdin": 1})).field, "stdin");
}
