use std::time::Duration;

use sandbar_client::{Args, CLIENT_OPTION_NAMES, ClientOptions, Wait};
use sandbar_protocol::{FOREIGN_VALUE_KEY, ValidationError, closest};
use serde_json::{Value, json};

fn args(value: Value) -> Args {
    Args::parse(&value.to_string()).unwrap()
}

fn create_error(value: Value) -> (String, String) {
    let ValidationError { field, message } = args(value).create().unwrap_err();
    (field, message)
}

#[test]
fn the_options_of_a_client_stand_among_those_of_a_call() {
    let options = json!({
        "timeout": 60, "baseUrl": "http://a", "apiKey": "k", "projectId": "p", "proxy": "x", "ca": "y",
        "requestTimeoutMs": 500, "readyTimeoutMs": 1000,
    });
    let (body, call) = args(json!({"template": "tpl-1", "options": options})).create().unwrap();
    assert_eq!(serde_json::to_value(&body).unwrap(), json!({"templateID": "tpl-1", "timeout": 60}));
    assert_eq!(call.request_timeout, Some(Duration::from_millis(500)));
    assert_eq!(call.ready_timeout, Some(Duration::from_secs(1)));
}

#[test]
fn the_template_has_three_forms_and_one_default() {
    let template = |value: Value| args(value).create().unwrap().0.template_id;
    assert_eq!(template(json!({})), "base");
    assert_eq!(template(json!({"template": "a"})), "a");
    assert_eq!(template(json!({"options": {"templateID": "b"}})), "b");
    let (field, message) = create_error(json!({"template": "a", "options": {"templateID": "a"}}));
    assert_eq!(field, "templateID");
    assert!(message.ends_with("give it once"), "{message}");
    assert!(create_error(json!({"template": ""})).1.starts_with("`templateID` is empty"));
    assert!(create_error(json!({"template": null})).1.contains("got null"));
    assert!(create_error(json!({"options": {"template": "a"}})).1.ends_with("use `templateID`"));
}

#[test]
fn options_that_are_no_object_are_named_by_their_kind() {
    assert!(create_error(json!({"options": null})).1.contains("must be an object, got null"));
    assert!(create_error(json!({"options": "x"})).1.contains("got a string"));
    assert!(create_error(json!({"options": {FOREIGN_VALUE_KEY: "a function"}})).1.contains("got a function"));
}

#[test]
fn misspelt_client_options_are_hinted_at() {
    for (name, meant) in [
        ("requestTimeout", "requestTimeoutMs"),
        ("readyTimeout", "readyTimeoutMs"),
        ("baseURL", "baseUrl"),
        ("base_url", "baseUrl"),
        ("apikey", "apiKey"),
        ("api_key", "apiKey"),
        ("projectID", "projectId"),
    ] {
        let (field, message) = create_error(json!({"options": {name: 1}}));
        assert_eq!(field, name);
        assert_eq!(message, format!("`{name}` is not an option: did you mean `{meant}`?"));
    }
}

#[test]
fn no_field_of_a_route_is_taken_for_a_misspelt_client_option() {
    for field in [
        "templateID",
        "timeout",
        "waitReady",
        "envVars",
        "metadata",
        "autoPause",
        "state",
        "limit",
        "nextToken",
        "cursor",
        "direction",
        "level",
        "search",
        "duration",
        "sandboxIds",
        "timeoutMs",
        "autoResume",
        "secure",
        "network",
        "mcp",
        "allow_internet_access",
        "volume_mounts",
        "volumeMounts",
        "template",
        "templateId",
        "envs",
        "ttl",
        "states",
    ] {
        assert_eq!(closest(field, &CLIENT_OPTION_NAMES), None, "{field}");
    }
}

#[test]
fn stale_fields_are_refused_as_everywhere() {
    assert_eq!(
        create_error(json!({"options": {"timeoutMs": 1}})).1,
        "`timeoutMs` is not accepted: use `timeout`, in seconds"
    );
}

#[test]
fn time_limit_in_milliseconds_is_named_where_there_is_one() {
    let client = ClientOptions::from_json(&json!({"timeoutMs": 1})).unwrap_err();
    assert!(client.to_string().ends_with("use `requestTimeoutMs` for the time limit of a request"), "{client}");
    let with = |value: Value| args(json!({"sandboxId": "sb-1", "path": "a", "options": value}));
    let file = with(json!({"timeoutMs": 1})).file().unwrap_err();
    assert!(file.message.ends_with("use `requestTimeoutMs` for the time limit of a request"), "{file}");
    let refresh = with(json!({"timeoutMs": 1})).refresh().unwrap_err();
    assert!(refresh.message.ends_with("use `duration`"), "{refresh}");
}

#[test]
fn time_limits_are_checked() {
    let (field, message) = create_error(json!({"options": {"requestTimeoutMs": "5"}}));
    assert_eq!(field, "requestTimeoutMs");
    assert!(message.contains("must be a whole number between 1 and 86400000 milliseconds, got a string"), "{message}");
}

#[test]
fn connect_waits_unless_told_not_to() {
    let connect = |options: Value| args(json!({"sandboxId": "sb-1", "options": options})).connect();
    let (call, _) = connect(json!({"timeout": 5})).unwrap();
    assert_eq!((call.sandbox_id.as_str(), call.options.timeout, call.wait), ("sb-1", Some(5), Wait::UntilReady));
    assert_eq!(connect(json!({"waitReady": false})).unwrap().0.wait, Wait::No);
    assert_eq!(connect(json!({"waitReady": true})).unwrap().0.wait, Wait::UntilReady);
    assert!(connect(json!({"waitReady": 1})).unwrap_err().message.contains("must be true or false"));
    assert!(connect(json!({"envVars": {}})).is_err());
    assert!(connect(json!([])).is_err());
}

#[test]
fn an_id_is_needed_and_checked() {
    let missing = args(json!({})).sandbox().unwrap_err();
    assert!(missing.message.starts_with("`sandboxID` is missing"), "{missing}");
    assert!(args(json!({"sandboxId": 7})).sandbox().unwrap_err().message.contains("got a number (7)"));
    assert!(args(json!({"sandboxId": "a/b"})).logs().is_err());
}

#[test]
fn a_call_without_options_of_its_own_knows_the_time_limits_only() {
    let (id, call) = args(json!({"sandboxId": "sb-1", "options": {"requestTimeoutMs": 1}})).sandbox().unwrap();
    assert_eq!((id.as_str(), call.request_timeout), ("sb-1", Some(Duration::from_millis(1))));
    let error = args(json!({"sandboxId": "sb-1", "options": {"force": true}})).sandbox().unwrap_err();
    assert_eq!(
        error.message,
        "`force` is not a field of these options: known are requestTimeoutMs, readyTimeoutMs, maxRetries"
    );
    assert!(args(json!({"options": {"force": true}})).account().is_err());
}

#[test]
fn the_other_routes_read_their_own() {
    let of = |options: Value| args(json!({"sandboxId": "sb-1", "options": options}));
    assert_eq!(of(json!({"timeout": 0})).timeout().unwrap().1.timeout, 0);
    assert!(of(json!({})).timeout().unwrap_err().message.starts_with("`timeout` is missing"));
    assert_eq!(of(json!({})).refresh().unwrap().1.duration, None);
    assert_eq!(of(json!({"limit": 5})).list().unwrap().0.limit, Some(5));
    assert_eq!(of(json!({"limit": 5})).logs().unwrap().1.limit, Some(5));
    let (query, _) = of(json!({"sandboxIds": ["a", "b"], "limit": 2})).metrics_batch().unwrap();
    assert_eq!((query.sandbox_ids.len(), query.limit), (2, Some(2)));
    let error = of(json!({"sandboxIds": "a"})).metrics_batch().unwrap_err();
    assert_eq!(error.message, "`sandboxIds` must be an array of sandbox IDs, got a string (\"a\")");
    assert!(of(json!({"sandboxIds": ["a/b"]})).metrics_batch().is_err());
}

#[test]
fn text_that_is_no_arguments_is_an_error_and_no_panic() {
    for text in ["", "{", "[]", "7", "null"] {
        assert_eq!(Args::parse(text).unwrap_err().field, "args", "{text}");
    }
}
