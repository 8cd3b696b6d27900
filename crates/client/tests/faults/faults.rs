//! The faults: the rows of the table.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use sandbar_faults::{Fault, Message};
use serde_json::{Value, json};

use crate::certificates::Certificate;
use crate::goaway::Ending;
use crate::operations::Operation;

/// How long a call may take where nothing answers. On a busy machine, an answer may take seconds.
pub(crate) const SHORT: Duration = Duration::from_secs(5);
/// How long where it is not the time limit that is tried: nothing waits for it.
pub(crate) const LONG: Duration = Duration::from_secs(300);

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) happens: Happens,
    /// The request timeout of the call.
    pub(crate) limit: Duration,
    /// How long a wait may take where it happens once, and where it happens each time.
    pub(crate) ready_limit_once: Duration,
    pub(crate) ready_limit: Duration,
    /// How much memory it takes: of this many, one cell at a time.
    pub(crate) weight: u32,
    /// The operations that it can't happen to.
    pub(crate) spares: &'static [Operation],
}

/// When and where a fault happens.
pub(crate) enum Happens {
    /// To the request.
    ToRequest(fn() -> Fault),
    /// To a request like any other, which comes on a connection that was used before.
    ToNextRequest(fn() -> Fault),
    /// To the request before it.
    Before(fn() -> Fault),
    /// To the answer's status: with or without a time to wait.
    Status(u16, Option<fn() -> String>),
    /// Nothing listens.
    Refused,
    /// The server shows this certificate.
    Shown(Certificate),
    /// An HTTP/2 server ends the connection so.
    Ends(Ending),
}

fn row(name: &str, happens: Happens) -> Row {
    let (limit, ready_limit_once, ready_limit) = (LONG, LONG, SHORT);
    Row { name: name.to_owned(), happens, limit, ready_limit_once, ready_limit, weight: 1, spares: &[] }
}

fn to_request(name: &str, fault: fn() -> Fault) -> Row {
    row(name, Happens::ToRequest(fault))
}

/// A wait ends by it, and need not be short.
fn ending(row: Row) -> Row {
    Row { ready_limit: LONG, ..row }
}

pub(crate) fn all() -> Vec<Row> {
    let bodies = bodies().into_iter().map(ending).collect();
    [connections(), statuses(), bodies, certificates(), endings()].into_iter().flatten().collect()
}

fn connections() -> Vec<Row> {
    let hang = to_request("nothing answers", || Fault::Hang);
    let slow_bytes = to_request("slow bytes", || slow(Duration::from_millis(1)));
    let drip = to_request("bytes so slow that the answer never ends", || slow(SHORT));
    vec![
        row("connection refused", Happens::Refused),
        Row { limit: SHORT, ..hang },
        to_request("connection closed before the answer", || Fault::Close),
        to_request("connection reset before the answer", || Fault::Reset),
        to_request("connection reset after the call took effect", || Fault::ResetAfter),
        to_request("reset in the middle of the head", || Fault::ResetInHead),
        to_request("reset in the middle of the body", || Fault::ResetInBody),
        to_request("body cut short, connection closed", || Fault::Truncate),
        ending(row("kept connection closed between two calls", Happens::Before(|| Fault::CloseAfter))),
        row("kept connection closed as the next call comes", Happens::ToNextRequest(|| Fault::Close)),
        ending(slow_bytes),
        Row { limit: SHORT, ..drip },
        to_request("bytes that are not HTTP", || Fault::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        to_request("a head of 1 MiB", || {
            Fault::Answer(Message::answer(200, &[("x-long", &"x".repeat(1 << 20))], "{}"))
        }),
    ]
}

/// 20 bytes at a time.
fn slow(pause: Duration) -> Fault {
    Fault::Slow { piece: 20, pause }
}

fn statuses() -> Vec<Row> {
    let mut rows = Vec::new();
    for status in [408, 425, 429, 500, 502, 503, 504] {
        rows.push(row(&format!("{status}"), Happens::Status(status, None)));
        let second: fn() -> String = || "1".to_owned();
        rows.push(row(&format!("{status}, Retry-After: 1"), Happens::Status(status, Some(second))));
    }
    rows.push(row("503, Retry-After: a date in a second", Happens::Status(503, Some(in_a_second))));
    let hour = row("503, Retry-After: 3600", Happens::Status(503, Some(|| "3600".to_owned())));
    let ages = row("503, Retry-After: 18446744073709551615", Happens::Status(503, Some(|| u64::MAX.to_string())));
    rows.extend([hour, ages].map(|row| Row { ready_limit_once: SHORT, ..row }));
    rows.push(to_request("429, quota used up", || {
        let details = json!({"reason": "usage_limit", "limit": 10});
        let body = json!({"code": 429, "message": "10 of 10 sandboxes", "details": details});
        Fault::Answer(Message::answer(429, &[("content-type", "application/json")], body.to_string()))
    }));
    for status in [400, 401, 403, 409, 501] {
        rows.push(ending(row(&format!("{status}"), Happens::Status(status, None))));
    }
    rows.push(to_request("302 to another host", || {
        Fault::Answer(Message::answer(302, &[("location", "https://elsewhere.example/api/v1/sandboxes")], ""))
    }));
    rows
}

/// Dates are whole seconds: at least one, at most two from now.
fn in_a_second() -> String {
    let then = Timestamp::now() + SignedDuration::from_secs(2);
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then).unwrap()
}

pub(crate) fn status(status: u16, retry_after: Option<fn() -> String>) -> Fault {
    let body = json!({"code": status, "message": "a scripted refusal", "error": {"code": "scripted"}}).to_string();
    let answer = Message::answer(status, &[("content-type", "application/json")], body);
    Fault::Answer(match retry_after {
        Some(value) => answer.with_header("retry-after", &value()),
        None => answer,
    })
}

fn bodies() -> Vec<Row> {
    let endless = to_request("a body that never ends", || Fault::Endless { status: 200 });
    // Logs and a batch of metrics have none.
    let odd = to_request("an odd value in a needed field, as sandboxID", || Fault::RewriteBody(odd_needed_field));
    vec![
        Row { weight: 8, ..endless },
        to_request("half of the JSON", || Fault::RewriteBody(|body| body[..body.len() / 2].to_owned())),
        to_request("no body", || Fault::RewriteBody(|_| String::new())),
        to_request("a page of HTML", || Fault::Rewrite(html)),
        to_request("JSON of another type (array for object)", || Fault::RewriteBody(other_type)),
        to_request("JSON nested 100,000 deep", || Fault::RewriteBody(|_| "[".repeat(100_000))),
        to_request("odd values in optional fields", || Fault::RewriteBody(odd_optional_fields)),
        Row { spares: &[Operation::Logs, Operation::MetricsBatch], ..odd },
        to_request("bytes that are not UTF-8", || {
            Fault::Rewrite(|answer| if answer.body.is_empty() { answer } else { answer.with_body(vec![b'{', 0xff]) })
        }),
        to_request("good JSON named text/html", || {
            Fault::Rewrite(|answer| answer.with_header("content-type", "text/html"))
        }),
        to_request("unknown fields and states", || Fault::RewriteBody(of_a_later_version)),
    ]
}

fn html(answer: Message) -> Message {
    if answer.body.is_empty() {
        return answer;
    }
    answer.with_header("content-type", "text/html").with_body(b"<html><title>Welcome</title></html>".to_vec())
}

fn other_type(body: &str) -> String {
    if body.starts_with('[') { "{}".to_owned() } else { "[]".to_owned() }
}

fn odd_optional_fields(body: &str) -> String {
    with_fields(body, &[("timeline", json!(7)), ("envdUrl", json!([])), ("logs", json!("x")), ("items", json!(true))])
}

fn odd_needed_field(body: &str) -> String {
    let odd = [("sandboxID", json!({})), ("resource", json!([])), ("status", json!([])), ("data", json!("x"))];
    with_fields(body, &odd)
}

/// The object, or the first one of an array, with other values.
fn with_fields(body: &str, fields: &[(&str, Value)]) -> String {
    let mut value: Value = serde_json::from_str(body).unwrap();
    let object = if value.is_array() { &mut value[0] } else { &mut value };
    for (name, odd) in fields {
        object[*name] = odd.clone();
    }
    value.to_string()
}

fn of_a_later_version(body: &str) -> String {
    // Where the status is of use, that counts.
    with_fields(body, &[("gravity", json!({"on": true})), ("state", json!("gliding"))])
}

fn certificates() -> Vec<Row> {
    let shown = |name, certificate| ending(row(name, Happens::Shown(certificate)));
    vec![
        shown("an expired certificate", Certificate::Expired),
        shown("a self-signed certificate", Certificate::SelfSigned),
        shown("a certificate of another host", Certificate::OfAnotherHost),
    ]
}

fn endings() -> Vec<Row> {
    let ends = |name, ending| row(name, Happens::Ends(ending));
    vec![
        ends("HTTP/2: stream refused", Ending::RefusedStream),
        ends("HTTP/2: GOAWAY, the call was not looked at", Ending::NotProcessed),
        ends("HTTP/2: GOAWAY, the call may have taken effect", Ending::MaybeProcessed),
    ]
}
