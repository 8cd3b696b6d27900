//! Peers that say nothing: every call ends by its limit, and without one as soon as the peer is known to be gone.

use std::time::{Duration, Instant};

use sandbar_client::{
    Args, Attach, Awaited, CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord,
    FollowLoss, InputCall, PortWait, ReadCall, Runtime, Selector, Silence, StartRequest, WatchCall,
};
use sandbar_faults::Relay;
use sandbar_protocol::{Envd, RunRequest, Secret};
use serde_json::{Value, json};

use crate::processes::start;
use crate::routed::{Answer, Routed};
use crate::tls::authority;

static CALL: CallOptions = CallOptions::new();
const LIMIT: Duration = Duration::from_millis(200);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(9);

fn silence() -> Silence {
    Silence {
        stream: Duration::from_millis(300),
        reconnect: Duration::from_secs(3),
        probe_interval: Duration::from_millis(100),
        probe_timeout: Duration::from_secs(1),
        explanation: Duration::from_secs(1),
        grace: LIMIT,
    }
}

fn client(base_url: &str, ca: Option<String>) -> Client {
    client_with(base_url, ca, silence())
}

fn client_with(base_url: &str, ca: Option<String>, silence: Silence) -> Client {
    let options = ClientOptions {
        base_url: Some(base_url.to_owned()),
        api_key: Some(Secret::new("key")),
        ca,
        ..ClientOptions::default()
    };
    let config = Config::new(&options, &Environment::default()).unwrap();
    Client::new(Config { silence, ..config })
}

fn runtime(service: &Routed, inside: &str) -> Runtime {
    let envd = Envd { envd_url: Some(inside.to_owned()), envd_access_token: Some(Secret::new("tok")) };
    client(&service.url(), None).runtime("sb-1", Some(envd)).unwrap()
}

fn detail(state: &str, inside: &str) -> Answer {
    Answer::Json(200, json!({"sandboxID": "sb-1", "state": state, "envdUrl": inside, "envdAccessToken": "tok"}))
}

/// A service that says that the sandbox runs at this place.
async fn running(inside: &str) -> Routed {
    let inside = inside.to_owned();
    Routed::start(move |_| detail("running", &inside)).await
}

/// A runtime that is well, starts processes that say nothing, and answers nothing else.
fn quiet(route: &str) -> Answer {
    match route {
        "/health" => Answer::Json(200, json!({})),
        "/process.Process/Start" | "/process.Process/Connect" => Answer::Open(start()),
        "/filesystem.Filesystem/Stat" => Answer::Json(200, json!({"entry": {}})),
        _ => Answer::Nothing,
    }
}

/// A runtime behind a relay, and the service that knows it.
async fn behind_relay() -> (Routed, Relay, Routed) {
    let inside = Routed::start(quiet).await;
    let relay = Relay::start(inside.address).await.unwrap();
    let service = running(&relay.url()).await;
    (inside, relay, service)
}

fn sleeping(timeout_ms: Option<u64>) -> RunRequest {
    RunRequest { cmd: "sleep 1".to_owned(), timeout_ms, ..RunRequest::default() }
}

fn following(timeout_ms: Option<u64>) -> Attach {
    Attach::Start(StartRequest { timeout_ms, ..StartRequest::default() })
}

fn limit_ms() -> Option<u64> {
    Some(u64::try_from(LIMIT.as_millis()).unwrap())
}

/// How the call ends, which must be soon after the limit.
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let outcome = tokio::time::timeout(Duration::from_secs(60), call).await.expect("it hangs");
    assert!(begun.elapsed() < LIMIT + SLACK, "it took {:?}", begun.elapsed());
    outcome
}

#[tokio::test]
async fn plain_command_ends_by_its_own_limit_behind_silent_relay() {
    let (inside, relay, service) = behind_relay().await;
    let runtime = runtime(&service, &relay.url());
    let request = sleeping(limit_ms());
    let (run, ()) = tokio::join!(in_time(runtime.run(&request, &CALL)), async {
        inside.until_seen("/run").await;
        relay.go_silent();
    });
    let error = run.map(|answer| answer.value).unwrap_err();
    assert!(
        matches!(&error, ClientError::RequestTimeout { limit: LIMIT, awaited: Awaited::CommandEnd, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("`timeoutMs` of 0.2 s"), "{error}");
}

#[tokio::test]
async fn followed_command_ends_by_its_own_limit_behind_silent_relay() {
    let (_inside, relay, service) = behind_relay().await;
    let process = runtime(&service, &relay.url()).follow_process(following(limit_ms()), &CALL);
    process.started().await.unwrap();
    relay.go_silent();
    let error = in_time(process.wait()).await.unwrap_err();
    assert!(matches!(&*error, ClientError::NotFollowed { cause: FollowLoss::Overdue(LIMIT), .. }), "{error:?}");
    let record = ErrorRecord::from(&*error);
    assert_eq!((record.name, record.pid), ("RequestTimeoutError", Some(7)));
}

#[tokio::test]
async fn command_ends_by_its_own_limit_when_its_start_has_no_answer() {
    let (_inside, relay, service) = behind_relay().await;
    relay.go_silent();
    let process = runtime(&service, &relay.url()).follow_process(following(limit_ms()), &CALL);
    let error = in_time(process.started()).await.unwrap_err();
    assert!(matches!(&*error, ClientError::NotFollowed { cause: FollowLoss::Overdue(LIMIT), .. }), "{error:?}");
}

#[tokio::test]
async fn following_ends_by_the_limit_of_the_call_when_the_first_message_is_cut_off() {
    let inside = Routed::start(|route| match route {
        "/process.Process/Connect" => Answer::Open(start()[..7].to_owned()),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let call = CallOptions { request_timeout: Some(LIMIT), ..CallOptions::new() };
    // Long enough to be told from the limit.
    let config = Silence { stream: Duration::from_secs(20), ..silence() };
    let envd = Envd { envd_url: Some(inside.url()), envd_access_token: Some(Secret::new("tok")) };
    let runtime = client_with(&service.url(), None, config).runtime("sb-1", Some(envd)).unwrap();
    in_time(runtime.follow_process(Attach::To(Selector::Pid(7)), &call).started()).await.unwrap_err();
}

#[tokio::test]
async fn followed_command_without_limit_ends_when_its_peer_is_dead() {
    let (_inside, relay, service) = behind_relay().await;
    let process = runtime(&service, &relay.url()).follow_process(following(None), &CALL);
    process.started().await.unwrap();
    relay.go_silent();
    let error = in_time(process.wait()).await.unwrap_err();
    assert!(matches!(&*error, ClientError::NotFollowed { cause: FollowLoss::Connection(_), .. }), "{error:?}");
}

#[tokio::test]
async fn plain_command_without_limit_ends_when_its_peer_is_dead() {
    let (inside, relay, service) = behind_relay().await;
    let runtime = runtime(&service, &relay.url());
    let request = sleeping(None);
    let (run, ()) = tokio::join!(in_time(runtime.run(&request, &CALL)), async {
        inside.until_seen("/run").await;
        relay.go_silent();
    });
    let error = run.map(|answer| answer.value).unwrap_err();
    assert!(matches!(&error, ClientError::Transport { .. }), "{error:?}");
    assert!(error.to_string().contains("GET /health had no answer"), "{error}");
}

#[tokio::test]
async fn silent_command_that_lives_is_not_failed() {
    let inside = Routed::start(|route| match route {
        "/run" => Answer::Late(Duration::from_secs(1), 200, json!({"stdout": "done", "stderr": "", "exitCode": 0})),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let run = runtime(&service, &inside.url()).run(&sleeping(None), &CALL).await;
    assert_eq!(run.unwrap().value.stdout, "done");
    let probes = inside.seen().iter().filter(|route| *route == "/health").count();
    assert!(probes > 1, "{:?}", inside.seen());
    assert!(inside.connections() > probes, "each probe has a connection of its own");
}

#[tokio::test]
async fn look_ups_and_requests_share_one_deadline() {
    let inside = Routed::start(|_| Answer::Nothing).await;
    let place = inside.url();
    let service = Routed::start(move |_| {
        let detail = json!({"sandboxID": "sb-1", "state": "running", "envdUrl": place, "envdAccessToken": "tok"});
        Answer::Late(Duration::from_millis(700), 200, detail)
    })
    .await;
    let runtime = client(&service.url(), None).runtime("sb-1", None).unwrap();
    let begun = Instant::now();
    let call = CallOptions { request_timeout: Some(Duration::from_millis(1_000)), ..CallOptions::new() };
    let error = runtime.exists("a", &call).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_millis(1_600), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn waiting_for_a_port_ends_by_its_limit_when_nothing_answers() {
    let (_inside, relay, service) = behind_relay().await;
    relay.go_silent();
    let wait = PortWait { port: 3000, limit: LIMIT, path: None };
    let begun = Instant::now();
    let error = runtime(&service, &relay.url()).wait_for_port(&wait, &CALL).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(matches!(error, ClientError::PortClosed(_)), "{error:?}");
    assert!(error.to_string().contains("the last look at the ports failed"), "{error}");
}

#[tokio::test]
async fn input_in_many_pieces_ends_by_one_limit() {
    let inside = Routed::start(|route| match route {
        "/process.Process/SendInput" => Answer::Late(Duration::from_millis(150), 200, json!({})),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let input = InputCall { process: Selector::Pid(7), bytes: vec![0; 5 << 20], to_terminal: false };
    let call = CallOptions { request_timeout: Some(LIMIT), ..CallOptions::new() };
    let error = in_time(runtime(&service, &inside.url()).send_input(&input, &call)).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    assert!(inside.seen().len() < 5, "{:?}", inside.seen());
}

fn watching() -> WatchCall {
    WatchCall { path: "/".to_owned(), recursive: false, limit: None }
}

fn program() -> sandbar_client::ProgramCall {
    let args = Args::parse(r#"{"port": 3000, "options": {}}"#).unwrap();
    args.program().unwrap().0
}

async fn read_all(body: &mut sandbar_client::BodyReader) -> Result<usize, ClientError> {
    let mut bytes = 0;
    while let Some(piece) = body.next().await? {
        bytes += piece.len();
    }
    Ok(bytes)
}

#[tokio::test]
async fn endless_body_of_a_program_ends_by_the_limit_of_the_call() {
    let inside = Routed::start(|route| match route {
        "/proxy/3000/" => Answer::Endless("more"),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let call = CallOptions { request_timeout: Some(Duration::from_secs(1)), ..CallOptions::new() };
    let mut answer = runtime(&service, &inside.url()).program(program(), &call).await.unwrap();
    let error = in_time(read_all(&mut answer.body)).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { awaited: Awaited::MoreBytes, .. }), "{error:?}");
}

#[tokio::test]
async fn silent_body_of_a_program_ends_when_its_peer_is_dead() {
    let inside = Routed::start(|route| match route {
        "/proxy/3000/" => Answer::Open("some".to_owned()),
        other => quiet(other),
    })
    .await;
    let relay = Relay::start(inside.address).await.unwrap();
    let service = running(&relay.url()).await;
    let mut answer = runtime(&service, &relay.url()).program(program(), &CALL).await.unwrap();
    assert_eq!(answer.body.next().await.unwrap().unwrap(), b"some");
    relay.go_silent();
    let error = in_time(read_all(&mut answer.body)).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn reading_a_file_as_a_whole_ends_by_the_limit_of_the_call() {
    let inside = Routed::start(|_| Answer::Endless("more")).await;
    let service = running(&inside.url()).await;
    let call = CallOptions { request_timeout: Some(LIMIT), ..CallOptions::new() };
    let read = ReadCall { path: "a".to_owned(), ..ReadCall::default() };
    let error = in_time(runtime(&service, &inside.url()).read_file(&read, &call)).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { awaited: Awaited::MoreBytes, .. }), "{error:?}");
}

#[tokio::test]
async fn watch_ends_when_its_peer_is_dead() {
    let watched = crate::processes::frame(0, &json!({"start": {}}));
    let inside = Routed::start(move |route| match route {
        "/filesystem.Filesystem/WatchDir" => Answer::Open(watched.clone()),
        other => quiet(other),
    })
    .await;
    let relay = Relay::start(inside.address).await.unwrap();
    let service = running(&relay.url()).await;
    let watch = watching();
    let mut watch = runtime(&service, &relay.url()).watch_dir(&watch, &CALL).await.unwrap();
    relay.go_silent();
    let error = in_time(watch.next()).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn silent_http_2_connection_is_replaced_after_a_request_timed_out() {
    let (ca, acceptor) = authority(&["h2"]);
    let service = Routed::start_with(Some(acceptor), |_| Answer::Json(200, json!({"sandboxID": "sb-1"}))).await;
    let relay = Relay::start(service.address).await.unwrap();
    let client = client(&format!("https://localhost:{}", relay.address().port()), Some(ca));
    client.get("sb-1", CallOptions::new()).await.unwrap();
    relay.silence_connections();
    let short = CallOptions { request_timeout: Some(Duration::from_millis(300)), ..CallOptions::once() };
    let error = client.get("sb-1", short).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTimeout { .. }), "{error:?}");
    for _ in 0..5 {
        client
            .get("sb-1", CallOptions { request_timeout: Some(Duration::from_secs(5)), ..CallOptions::new() })
            .await
            .unwrap();
    }
    assert_eq!(relay.connections(), 2);
}

#[tokio::test]
async fn connecting_ends_by_the_ready_timeout_when_nothing_answers() {
    let service = Routed::start(|_| Answer::Nothing).await;
    let call = CallOptions { ready_timeout: Some(LIMIT), ..CallOptions::new() };
    let client = client(&service.url(), None);
    let options = sandbar_protocol::ConnectOptions::default();
    let begun = Instant::now();
    let error = client.connect("sb-1", &options, sandbar_client::Wait::UntilReady, call).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(ErrorRecord::from(&error).kind, "ready_timeout", "{error:?}");
}

#[tokio::test]
async fn creating_ends_by_the_ready_timeout_and_deletes_what_is_made_later() {
    let made = json!({"sandboxID": "sb-1", "state": "starting"});
    let service = Routed::start(move |route| match route {
        "/api/v1/sandboxes" => Answer::Late(Duration::from_secs(1), 201, made.clone()),
        _ => Answer::Json(200, json!({})),
    })
    .await;
    let call = CallOptions { ready_timeout: Some(LIMIT), ..CallOptions::new() };
    let client = client(&service.url(), None);
    let options = sandbar_protocol::CreateOptions { wait_ready: true, ..Default::default() };
    let begun = Instant::now();
    let error = client.create(&options, call).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(error.to_string().ends_with("it is being deleted in the background"), "{error}");
    assert_eq!(ErrorRecord::from(&error).sandbox_id, None);
    client.settled().await;
    assert_eq!(service.seen(), ["/api/v1/sandboxes", "/api/v1/sandboxes/sb-1"]);
}

#[tokio::test]
async fn process_that_has_ended_leaves_nothing_to_kill() {
    let ended = format!("{}{}", start(), crate::processes::end("exit status 0", true));
    let inside = Routed::start(move |route| match route {
        "/process.Process/Start" => Answer::Open(ended.clone()),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let client = client(&service.url(), None);
    let envd = Envd { envd_url: Some(inside.url()), envd_access_token: Some(Secret::new("tok")) };
    let process = client.runtime("sb-1", Some(envd)).unwrap().follow_process(following(None), &CALL);
    process.wait().await.unwrap();
    process.doom();
    in_time(client.settled()).await;
}

/// What a runtime and the service say of a sandbox that has ended.
struct End {
    state: &'static str,
    service: Answer,
    inside: Answer,
}

fn ends() -> Vec<End> {
    let refused = |status, code: &str| Answer::Json(status, json!({"code": code, "message": "no"}));
    let seen = |state| detail(state, "http://127.0.0.1:1");
    vec![
        End { state: "paused", service: seen("paused"), inside: refused(409, "failed_precondition") },
        End { state: "paused", service: seen("paused"), inside: refused(502, "unavailable") },
        End { state: "failed", service: seen("failed"), inside: refused(502, "unavailable") },
        End { state: "deleted", service: seen("deleted"), inside: refused(404, "sandbox_not_found") },
        End { state: "deleted", service: refused(404, "sandbox_not_found"), inside: refused(502, "unavailable") },
    ]
}

fn assert_ended(error: &ClientError, state: &str, what: &str) {
    let record = ErrorRecord::from(error);
    let told = (record.name, record.state.as_deref(), record.retryable);
    assert_eq!(told, ("NotRunningError", Some(state), false), "{what}: {error:?}");
}

#[tokio::test]
async fn every_pending_call_says_that_its_sandbox_has_ended() {
    for End { state, service: told, inside: refusal } in ends() {
        let watched = crate::processes::frame(0, &json!({"start": {}}));
        let inside = Routed::start(move |route| match route {
            "/filesystem.Filesystem/WatchDir" => Answer::Open(watched.clone()),
            "/proxy/3000/" => Answer::Open("some".to_owned()),
            "/files" => Answer::Open("some".to_owned()),
            other => quiet(other),
        })
        .await;
        let service = running(&inside.url()).await;
        let runtime = runtime(&service, &inside.url());
        let process = runtime.follow_process(following(None), &CALL);
        process.started().await.unwrap();
        let watch = watching();
        let mut watch = runtime.watch_dir(&watch, &CALL).await.unwrap();
        let mut answer = runtime.program(program(), &CALL).await.unwrap();
        let read = ReadCall { path: "a".to_owned(), ..ReadCall::default() };
        let mut file = runtime.open_file(&read, &CALL).await.unwrap();
        let request = sleeping(None);
        let (run, listed, watched, body, content, waited, ()) = tokio::join!(
            runtime.run(&request, &CALL),
            runtime.ports(&CALL),
            watch.next(),
            read_all(&mut answer.body),
            read_all(&mut file),
            process.wait(),
            async {
                inside.until_seen("/run").await;
                inside.until_seen("/ports").await;
                service.becomes(move |_| told.clone());
                inside.becomes(move |_| refusal.clone());
            },
        );
        assert_ended(&run.map(drop).unwrap_err(), state, "run");
        assert_ended(&listed.unwrap_err(), state, "ports");
        assert_ended(&watched.unwrap_err(), state, "watch");
        assert_ended(&body.unwrap_err(), state, "program");
        assert_ended(&content.unwrap_err(), state, "file");
        assert_ended(&waited.unwrap_err(), state, "process");
    }
}

#[tokio::test]
async fn probe_that_a_gateway_answers_finds_the_end_of_the_sandbox() {
    let inside = Routed::start(|route| match route {
        "/health" => Answer::Json(502, json!({"code": "unavailable"})),
        other => quiet(other),
    })
    .await;
    let place = inside.url();
    let service = Routed::start(move |_| detail("paused", &place)).await;
    let error = in_time(runtime(&service, &inside.url()).run(&sleeping(None), &CALL)).await.map(drop).unwrap_err();
    assert_ended(&error, "paused", "run");
}

#[tokio::test]
async fn failure_of_a_sandbox_that_runs_stays_as_it_is() {
    let inside = Routed::start(|route| match route {
        "/ports" => Answer::Json(502, Value::Null),
        other => quiet(other),
    })
    .await;
    let service = running(&inside.url()).await;
    let call = CallOptions { max_retries: Some(0), ..CallOptions::new() };
    let error = runtime(&service, &inside.url()).ports(&call).await.unwrap_err();
    assert!(matches!(&error, ClientError::Api(error) if error.status == 502), "{error:?}");
}
