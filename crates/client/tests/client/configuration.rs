use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord};
use sandbar_protocol::ListQuery;
use serde_json::{Value, json};

use crate::service::{Reply, Service};

fn config(options: Value, environment: &[(&str, &str)]) -> Result<Config, ClientError> {
    let environment: Environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::new(&ClientOptions::from_json(&options)?, &environment)
}

fn refusal(options: Value, environment: &[(&str, &str)]) -> (String, String) {
    let record = ErrorRecord::from(&config(options, environment).unwrap_err());
    assert_eq!((record.name, record.kind), ("ConfigurationError", "configuration"));
    (record.field.unwrap(), record.message)
}

/// Origin, key, project.
fn chosen(options: Value, environment: &[(&str, &str)]) -> (String, String, Option<String>) {
    let endpoint = config(options, environment).unwrap().endpoint;
    (endpoint.base_url.origin(), endpoint.api_key.expose().to_owned(), endpoint.project_id)
}

const OURS: [(&str, &str); 3] =
    [("SEACLOUD_BASE_URL", "https://sea.example"), ("SEACLOUD_API_KEY", "sea"), ("SEACLOUD_PROJECT_ID", "p-1")];
const PAIR: [(&str, &str); 2] = [("E2B_DOMAIN", "foo.dev"), ("E2B_API_KEY", "e2b")];

fn said(origin: &str, key: &str, project: Option<&str>) -> (String, String, Option<String>) {
    (origin.into(), key.into(), project.map(str::to_owned))
}

#[test]
fn the_environment_alone_is_enough() {
    assert_eq!(chosen(json!({}), &OURS), said("https://sea.example", "sea", Some("p-1")));
    assert_eq!(chosen(json!({}), &PAIR), said("https://api.foo.dev", "e2b", None));
}

#[test]
fn options_win_over_the_environment() {
    let options = json!({"baseUrl": "http://own:7", "apiKey": "own", "projectId": "p-2"});
    assert_eq!(chosen(options, &OURS), said("http://own:7", "own", Some("p-2")));
    assert_eq!(chosen(json!({"apiKey": "own"}), &OURS), said("https://sea.example", "own", Some("p-1")));
}

#[test]
fn the_key_of_the_environment_goes_to_its_own_host_only() {
    let elsewhere = json!({"baseUrl": "https://other.example"});
    let (field, message) = refusal(elsewhere.clone(), &OURS);
    assert_eq!(field, "apiKey");
    assert_eq!(
        message,
        "SEACLOUD_API_KEY was given for another host than `baseUrl` (https://other.example), and is not sent there: \
         pass `apiKey` as well"
    );
    refusal(json!({"baseUrl": "http://sea.example"}), &OURS);
    refusal(json!({"baseUrl": "https://sea.example:8443"}), &OURS);
    refusal(elsewhere.clone(), &PAIR);
    let same = json!({"baseUrl": "https://sea.example:443/api/v1/"});
    assert_eq!(chosen(same, &OURS), said("https://sea.example", "sea", Some("p-1")));
    let own_key = json!({"baseUrl": "https://other.example", "apiKey": "own"});
    assert_eq!(chosen(own_key, &OURS), said("https://other.example", "own", None));
    let key_alone = [("SEACLOUD_API_KEY", "sea")];
    assert_eq!(chosen(elsewhere, &key_alone), said("https://other.example", "sea", None));
}

#[test]
fn the_pair_counts_only_whole_and_only_alone() {
    let (_, message) = refusal(json!({}), &PAIR[..1]);
    assert!(
        message.starts_with("there is no base URL (E2B_DOMAIN counts only with E2B_API_KEY): set SEACLOUD_BASE_URL")
    );
    let (_, message) = refusal(json!({}), &PAIR[1..]);
    assert!(message.contains("E2B_API_KEY counts only with E2B_DOMAIN"), "{message}");
    for (ours, missing) in [(OURS[0], "apiKey"), (OURS[1], "baseUrl"), (OURS[2], "baseUrl")] {
        assert_eq!(refusal(json!({}), &[PAIR[0], PAIR[1], ours]).0, missing);
    }
    // A key of the caller's own is not sent to a host that only the other product's variable names.
    assert_eq!(refusal(json!({"apiKey": "own"}), &PAIR).0, "baseUrl");
}

#[test]
fn an_empty_variable_is_unset() {
    let empty = [("SEACLOUD_BASE_URL", ""), ("SEACLOUD_API_KEY", ""), PAIR[0], PAIR[1]];
    assert_eq!(chosen(json!({}), &empty), said("https://api.foo.dev", "e2b", None));
}

#[test]
fn what_is_missing_is_named_with_every_way_to_give_it() {
    for (environment, field) in [(&OURS[1..], "baseUrl"), (&OURS[..1], "apiKey")] {
        let (named, message) = refusal(json!({}), environment);
        assert_eq!(named, field);
        for way in ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "`baseUrl`", "`apiKey`", "sandbar dev -- node app.js"] {
            assert!(message.contains(way), "{message}");
        }
    }
}

#[test]
fn wrong_settings_are_named_with_their_source_and_without_secrets() {
    let good = json!({"baseUrl": "https://a.example", "apiKey": "k"});
    let with = |name: &str, value: Value| {
        let mut options = good.clone();
        options[name] = value;
        refusal(options, &[])
    };
    for (name, value, words) in [
        ("baseUrl", json!(7), "must be a string, got a number (7)"),
        ("baseUrl", json!(""), "`baseUrl` is empty"),
        ("baseUrl", json!("ftp://a"), "must be an http or https URL"),
        ("apiKey", json!(["hush"]), "must be a string, got an array"),
        ("apiKey", json!({"\u{0}kind": "a function"}), "must be a string, got a function"),
        ("apiKey", json!(""), "`apiKey` is empty"),
        ("apiKey", json!("hush\n"), "begins or ends with white space"),
        ("apiKey", json!("hu\nsh"), "holds characters that an HTTP header can't carry"),
        ("apiKey", json!("hüsh"), "holds characters that an HTTP header can't carry"),
        ("projectId", json!(null), "must be a string, got null"),
        ("proxy", json!("nowhere"), "`proxy` is not a proxy's URL"),
        ("proxy", json!("ftp://user:hush@p"), "`proxy` is not a proxy's URL"),
        ("ca", json!("/etc/ca.pem"), "`ca` holds no certificate: pass the certificates themselves as PEM text"),
        ("ca", json!("-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----"), "`ca` holds a damaged PEM block"),
        ("ca", json!("-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----"), "is no certificate"),
        ("requestTimeoutMs", json!(0), "between 1 and 86400000 milliseconds, got 0"),
        ("readyTimeoutMs", json!({"\u{0}kind": "NaN"}), "got NaN"),
    ] {
        let (field, message) = with(name, value);
        assert_eq!(field, name);
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("hush"), "{message}");
    }
    let (_, message) = refusal(json!({}), &[("SEACLOUD_BASE_URL", "sea"), OURS[1]]);
    assert!(message.starts_with("SEACLOUD_BASE_URL is not a URL"), "{message}");
    let (_, message) = refusal(json!({}), &[OURS[0], ("SEACLOUD_API_KEY", "hush ")]);
    assert_eq!(message, "SEACLOUD_API_KEY begins or ends with white space: trim it");
}

#[test]
fn an_unknown_option_is_named_with_the_known_ones() {
    let (field, message) = refusal(json!({"apiUrl": "https://a"}), &OURS);
    assert_eq!(field, "apiUrl");
    assert!(message.starts_with("`apiUrl` is not a field of client options: known are baseUrl, apiKey"), "{message}");
    assert!(refusal(json!("https://a"), &OURS).1.contains("an object"));
    assert!(ClientOptions::from_json(&Value::Null).is_ok());
}

#[test]
fn nothing_secret_is_printed() {
    let options = json!({"baseUrl": "https://a", "apiKey": "hush", "proxy": "http://user:hush@p:1"});
    let options = ClientOptions::from_json(&options).unwrap();
    let config = Config::new(&options, &Environment::default()).unwrap();
    assert!(!format!("{options:?}{config:?}").contains("hush"));
}

#[test]
fn time_limits_have_defaults() {
    let limits = |options: Value| {
        let config = config(options, &OURS).unwrap();
        (config.request_timeout.as_millis(), config.ready_timeout.as_millis())
    };
    assert_eq!(limits(json!({})), (60_000, 120_000));
    assert_eq!(limits(json!({"requestTimeoutMs": 5, "readyTimeoutMs": 7})), (5, 7));
}

#[tokio::test]
async fn the_project_is_sent_with_every_request() {
    let service = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let options = json!({"baseUrl": service.url(), "apiKey": "k", "projectId": "p-1"});
    let client = Client::new(config(options, &[]).unwrap());
    client.list(&ListQuery::default(), CallOptions::default()).await.unwrap();
    assert_eq!(service.only().header("x-project-id"), "p-1");
}

#[tokio::test]
async fn a_base_url_may_carry_its_api_prefix() {
    let service = Service::start(vec![Reply::json(200, &json!([]))]).await;
    for base in ["", "/", "/api/v1", "/api/v1/sandbox/", "/api/sandbox/v1"] {
        let options = json!({"baseUrl": service.url() + base, "apiKey": "k"});
        let client = Client::new(config(options, &[]).unwrap());
        client.list(&ListQuery::default(), CallOptions::default()).await.unwrap();
    }
    let paths: Vec<_> = service.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        paths,
        [
            "/api/v1/sandboxes",
            "/api/v1/sandboxes",
            "/api/v1/sandboxes",
            "/api/v1/sandbox/sandboxes",
            "/api/sandbox/v1/sandboxes"
        ]
    );
}
