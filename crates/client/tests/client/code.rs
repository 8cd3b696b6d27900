//! Code: what it asks the process routes for, and what becomes of contexts that are lost.

use sandbar_client::{Args, CallOptions, ClientError, Code};
use serde_json::{Value, json};

use crate::processes::{data, end, not_found, routes, running, runtime, start, stream};
use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

fn args(args: &Value) -> Args {
    Args::parse(&args.to_string()).unwrap()
}

fn processes(processes: &Value) -> Reply {
    Reply::json(200, &json!({ "processes": processes }))
}

async fn run(code: &Code, options: &Value) -> Result<(Value, Vec<Value>), String> {
    let (call, _) = args(&json!({"code": "1", "options": options})).run_code().unwrap();
    let mut told = Vec::new();
    let outcome = code.run(&call, &CALL, &mut |event| told.push(event)).await;
    outcome.map(|execution| (execution, told)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_told_with_its_last_words() {
    let failed = stream(&[start(), data("stderr", b"no module named os\n"), end("exit status 1", true)]);
    let inside = Service::start(vec![processes(&json!([])), failed]).await;
    let error = run(&runtime(&inside, &inside).code(), &json!({})).await.unwrap_err();
    assert!(error.contains("did not start") && error.contains("no module named os"), "{error}");
    let asked = inside.seen()[1].json();
    assert_eq!((&asked["tag"], &asked["stdin"]), (&json!("sandbar-code-default"), &json!(true)));
}

#[tokio::test]
async fn a_missing_interpreter_is_told_as_such() {
    let missing = stream(&[start(), end("exit status 127", true)]);
    let inside = Service::start(vec![processes(&json!([])), missing.clone()]).await;
    let error = run(&runtime(&inside, &inside).code(), &json!({})).await.unwrap_err();
    assert!(error.contains("python3 is not in this sandbox") && error.contains("`code-interpreter`"), "{error}");
    let inside = Service::start(vec![missing, Reply::json(200, &json!({}))]).await;
    let error = run(&runtime(&inside, &inside).code(), &json!({"language": "ruby"})).await.unwrap_err();
    assert!(error.contains("ruby is not in this sandbox"), "{error}");
}

#[tokio::test]
async fn code_is_sent_again_when_its_process_ends_before_it_runs() {
    let listed = json!([{"pid": 7, "tag": "sandbar-code-default", "config": {"cmd": "sh"}}]);
    let ended = stream(&[start(), end("exit status 1", true)]);
    let attempt = [processes(&listed), ended, not_found("process not found")];
    let inside = Service::start(attempt.iter().cycle().take(9).cloned().collect()).await;
    let error = run(&runtime(&inside, &running(&inside).await).code(), &json!({})).await.unwrap_err();
    assert!(error.contains("ended 3 times before it ran the code"), "{error}");
    assert_eq!(routes(&inside), ["List", "Connect", "SendInput"].repeat(3));
}

#[tokio::test]
async fn a_context_that_another_client_starts_first_is_used() {
    let listed = json!([{"pid": 7, "tag": "sandbar-code-default", "config": {"cmd": "sh"}}]);
    let exists = Reply::json(409, &json!({"code": "already_exists", "message": "runs already"}));
    let ended = stream(&[start(), end("exit status 0", true)]);
    let script = vec![processes(&json!([])), exists, processes(&listed), ended, not_found("process not found")];
    let inside = Service::start(script).await;
    let outcome = run(&runtime(&inside, &running(&inside).await).code(), &json!({})).await;
    assert!(outcome.is_err(), "the script has no more");
    assert_eq!(routes(&inside)[..5], ["List", "Start", "List", "Connect", "SendInput"]);
}

#[tokio::test(start_paused = true)]
async fn code_whose_context_is_silent_fails_after_its_own_limit() {
    let listed = json!([{"pid": 7, "tag": "sandbar-code-default", "config": {"cmd": "sh"}}]);
    let inside = Service::start(vec![processes(&listed), Reply::Never]).await;
    let began = tokio::time::Instant::now();
    let (execution, told) = run(&runtime(&inside, &inside).code(), &json!({"timeoutMs": 700})).await.unwrap();
    assert_eq!(execution["error"]["name"], "TimeoutError");
    assert!(execution["error"]["message"].as_str().unwrap().contains("did not begin within 700 ms"), "{execution}");
    assert_eq!((&execution["executionCount"], told.len()), (&json!(0), 1));
    assert_eq!(began.elapsed().as_millis(), 700);
}

#[tokio::test]
async fn a_context_that_there_is_not_is_no_reason_to_start_one() {
    let inside = Service::start(vec![processes(&json!([{"pid": 9, "config": {"cmd": "web"}}]))]).await;
    let code = runtime(&inside, &inside).code();
    let error = run(&code, &json!({"context": "mine"})).await.unwrap_err();
    assert!(error.contains("mine"), "{error}");
    assert_eq!(routes(&inside), ["List"]);
    assert_eq!(code.contexts(&CALL).await.unwrap(), []);
    let error = code.restart_context("mine", &CALL).await.unwrap_err();
    assert!(matches!(&*error, ClientError::Api(error) if error.status == 404), "{error:?}");
}

#[tokio::test]
async fn code_in_another_language_runs_once_with_its_own_output() {
    let frames = [start(), data("stdout", b"out\n"), data("stderr", b"bad thing\n"), end("exit status 2", true)];
    let inside = Service::start(vec![stream(&frames)]).await;
    let (execution, told) = run(&runtime(&inside, &inside).code(), &json!({"language": "bash"})).await.unwrap();
    assert_eq!(execution["logs"], json!({"stdout": ["out\n"], "stderr": ["bad thing\n"]}));
    assert_eq!(execution["error"]["message"], "bad thing");
    assert_eq!(told.len(), 3);
    let asked = inside.only().json();
    assert_eq!(asked["process"]["args"].as_array().unwrap().last(), Some(&json!("1")));
}

#[tokio::test]
async fn code_that_is_too_long_for_an_argument_is_input() {
    for language in ["bash", "sh", "r", "php"] {
        let inside =
            Service::start(vec![stream(&[start(), end("exit status 0", true)]), Reply::json(200, &json!({}))]).await;
        let options = json!({"code": "x".repeat(200 * 1024), "options": {"language": language}});
        let (call, _) = args(&options).run_code().unwrap();
        let outcome = runtime(&inside, &inside).code().run(&call, &CALL, &mut |_| {}).await;
        assert!(outcome.is_ok(), "{language}: {outcome:?}");
        let asked = inside.seen()[0].json();
        assert_eq!(asked["stdin"], true, "{language}");
        let longest = asked["process"]["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().len()).max();
        assert!(longest.unwrap() < 1024, "{language}: {longest:?}");
    }
}

#[test]
fn contexts_are_python_and_their_ids_are_names() {
    let of = |options: Value| args(&json!({"code": "1", "options": options})).run_code().unwrap_err();
    assert_eq!(of(json!({"language": "cobol"})).field, "language");
    assert_eq!(of(json!({"language": "js", "context": "x"})).field, "context");
    assert_eq!(of(json!({"context": "a b"})).field, "context");
    assert_eq!(of(json!({"context": {"id": "x"}})).field, "context");
    assert_eq!(of(json!({"cwd": "a\0b"})).field, "cwd");
    assert!(args(&json!({"context": {"contextId": "x-1"}})).of_code_context().is_ok());
}
