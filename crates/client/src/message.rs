//! The sentences of errors: what happened, to what, and what to do.

use std::time::Duration;

use sandbar_protocol::{PhaseStatus, PublicState};

use crate::error::{ApiError, Awaited, Call, FollowLoss, NotReady, NotRunning, PortClosed, TransportKind};

const START_LOCAL: &str = "`sandbar dev -- <command>` starts a local one";

pub(crate) fn transport(kind: TransportKind, origin: &str, causes: &[String], call: &Call) -> String {
    format!("{}{}{}", no_answer(kind, origin, causes), tried(call), outcome_unknown(call))
}

fn no_answer(kind: TransportKind, origin: &str, causes: &[String]) -> String {
    let cause = causes.last().map_or("no cause was given", String::as_str);
    match kind {
        TransportKind::Dns => {
            format!("could not reach {origin}: its host name is not known: is the base URL right, and the network up?")
        }
        TransportKind::Refused => {
            format!("could not reach {origin}: connection refused: is the service running? {START_LOCAL}")
        }
        TransportKind::Tls => format!("could not make a secure connection to {origin}: {cause}: {}", trust(cause)),
        TransportKind::NotTaken => {
            format!("the service at {origin} closed the connection before it took the request ({cause})")
        }
        TransportKind::Reset => format!("the connection to {origin} was lost before the answer came ({cause})"),
        TransportKind::ConnectTimeout => format!(
            "could not reach {origin}: no connection came about within `connectTimeoutMs`: is the base URL right, and \
             is a firewall in between?"
        ),
        TransportKind::Unreachable => format!("could not reach {origin}: {cause}: is the network up?"),
        TransportKind::Protocol => {
            format!("what answers at {origin} does not speak HTTP ({cause}): is the base URL right?")
        }
        TransportKind::Insecure => format!(
            "the sandbox is at {origin}, without TLS, and the service has TLS: its access token is not sent there: the \
             service must give an https `envdUrl`"
        ),
        TransportKind::Proxy => {
            format!(
                "could not get through the proxy to {origin}: {cause}: check the `proxy` option, or HTTPS_PROXY and NO_PROXY"
            )
        }
        TransportKind::Other => format!("could not reach {origin}: {cause}"),
    }
}

/// What to do about a handshake that failed.
fn trust(cause: &str) -> &'static str {
    // What `openssl req -x509` makes unless told otherwise; OpenSSL lets it pass, rustls does not.
    if cause.contains("CaUsedAsEndEntity") {
        return "the service shows an authority's own certificate (CA:TRUE): give it one with CA:FALSE";
    }
    "for a private certificate authority, pass its certificate as `ca`, or its file as NODE_EXTRA_CA_CERTS"
}

pub(crate) fn not_followed(pid: Option<u32>, cause: &FollowLoss) -> String {
    let (process, way_out) = match pid {
        Some(pid) => (format!("process {pid}"), format!("it goes on: connect({pid}) follows it again")),
        None => ("the process".to_owned(), "it may have been started: list() shows it then".to_owned()),
    };
    match cause {
        FollowLoss::Disconnected => format!("{process} is not followed any more, after disconnect(): {way_out}"),
        FollowLoss::OutputLost => format!(
            "the connection to {process} was lost, and what it has printed since can't be told from what it printed \
             before: {way_out}"
        ),
        FollowLoss::Overdue(limit) => format!(
            "{process} did not end within its `timeoutMs` of {}, and its runtime does not say whether it did: {way_out}",
            seconds(*limit)
        ),
        FollowLoss::Connection(error) => format!("the connection to {process} was lost ({error}): {way_out}"),
    }
}

pub(crate) fn request_timeout(limit: Duration, awaited: Awaited, causes: &[String], call: &Call) -> String {
    let Call { method, path, .. } = call;
    let missing = match awaited {
        Awaited::Answer => "had no answer",
        Awaited::MoreBytes => "began to answer, and gave no more of it",
        Awaited::Room => "took no more of what is sent",
        Awaited::CommandEnd => {
            return format!(
                "the command did not end within its `timeoutMs` of {}, and its runtime does not say what became of it: \
                 commands.list() shows it if it goes on",
                seconds(limit)
            );
        }
    };
    let before = causes.first().map(|cause| format!(" (the attempt before failed: {cause})")).unwrap_or_default();
    let limit = seconds(limit);
    let unknown = outcome_unknown(call);
    format!("{method} {path} {missing} within {limit}{before}: raise `requestTimeoutMs` if that is too short{unknown}")
}

/// How often it was tried, if that was more than once.
fn tried(call: &Call) -> String {
    if call.attempts > 1 { format!(" (tried {} times)", call.attempts) } else { String::new() }
}

/// What to add for a create or connect that may have taken effect.
fn outcome_unknown(call: &Call) -> String {
    if !call.outcome_unknown {
        return String::new();
    }
    let key = call.idempotency_key.as_deref().unwrap_or_default();
    format!("; whether it took effect is not known: `idempotencyKey` {key} repeats the very same call")
}

pub(crate) fn api(error: &ApiError) -> String {
    format!("{}{}{}", refusal(error), tried(&error.call), outcome_unknown(&error.call))
}

fn refusal(error: &ApiError) -> String {
    let ApiError { status, message, call, .. } = error;
    let Call { method, path, .. } = call;
    let said = |nothing: &str| message.as_deref().unwrap_or(nothing).to_owned();
    match status {
        300..=399 => format!(
            "{method} {path} was redirected ({status}) to {}: the API key stays with the host it was given for, so \
             redirects are not followed: make the final address the base URL",
            error.location.as_deref().unwrap_or("nowhere")
        ),
        // The runtime's own word; the service has another one.
        401 if error.code.as_deref() == Some("unauthenticated") => said("the access token was refused (401)"),
        401 => format!(
            "the API key was refused (401{}): check SEACLOUD_API_KEY or the `apiKey` option",
            message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
        ),
        403 => said("the API key does not allow this (403)"),
        404 if !error.is_gone() => format!(
            "{method} {path} is not there (404{}): is the base URL right?",
            message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
        ),
        404 => said(&format!("{method} {path} is not there (404)")),
        407 => "the proxy asks for a name and password (407): put them into the `proxy` URL".to_owned(),
        429 => said("too many requests (429): send fewer at a time, or wait"),
        500.. => said(&format!("the service failed at {method} {path} ({status}): try again later")),
        _ => said(&format!("the service refused {method} {path} ({status})")),
    }
}

pub(crate) fn not_ready(error: &NotReady) -> String {
    format!("{}{}", why_not_ready(error), what_is_left(error))
}

/// What became of a sandbox that did not become ready.
fn what_is_left(error: &NotReady) -> &'static str {
    match (&error.state, error.deleted) {
        // By somebody else.
        (Some(PublicState::Deleted), _) | (_, None) => "",
        (Some(PublicState::Failed | PublicState::Error), _) if error.replayed => {
            "; an earlier create under this `idempotencyKey` made it, so it was left alone: delete() it to use the key again"
        }
        _ if error.replayed => "; an earlier create under this `idempotencyKey` made it, so it was left alone",
        (_, Some(true)) => "; it was deleted (`keepOnFailure` keeps it)",
        (_, Some(false)) if error.deletion_under_way => "; it is being deleted in the background",
        (_, Some(false)) => "; it could not be deleted: delete it yourself",
    }
}

fn why_not_ready(error: &NotReady) -> String {
    let id = &error.sandbox_id;
    if let Some(limit) = error.limit {
        let unseen = error.causes.first().map(|cause| format!("; the last look at it failed: {cause}"));
        let sandbox = if id.is_empty() { "the new sandbox".to_owned() } else { format!("sandbox {id}") };
        return format!(
            "{sandbox} was not ready within {} ({}{}): wait longer with `readyTimeoutMs`, or read its logs",
            seconds(limit),
            standing(error),
            unseen.unwrap_or_default()
        );
    }
    match &error.state {
        Some(PublicState::Paused) => {
            format!("sandbox {id} is paused, so it will not become ready: connect() resumes it")
        }
        Some(PublicState::Deleted) => format!("sandbox {id} was deleted before it was ready{}", reason(error)),
        _ => format!("sandbox {id} failed to start{}", reason(error)),
    }
}

pub(crate) fn not_running(error: &NotRunning) -> String {
    let id = &error.sandbox_id;
    let said = error.diagnostic.as_ref().filter(|diagnostic| !diagnostic.message.is_empty());
    let why = said.map(|diagnostic| format!(": {}", diagnostic.message)).unwrap_or_default();
    match &error.state {
        Some(PublicState::Paused) => format!("sandbox {id} is paused{why}: connect() resumes it"),
        Some(PublicState::Starting) => format!("sandbox {id} is still starting{why}: waitReady() waits for it"),
        Some(PublicState::Deleted) => format!("sandbox {id} is deleted{why}: create a new one"),
        Some(PublicState::Running) => format!("sandbox {id} runs, but the service gave no `envdUrl` to reach it at"),
        Some(state) => format!("sandbox {id} is {state}{why}: read its logs, then create a new one"),
        None => format!("sandbox {id} has no runtime to reach{why}: connect() makes it usable"),
    }
}

pub(crate) fn port_closed(error: &PortClosed) -> String {
    let PortClosed { sandbox_id, port, path, limit, listening, last } = error;
    let limit = seconds(*limit);
    if let (Some(path), true) = (path, listening.contains(port)) {
        let last = last.as_ref().map(|last| format!(" (last: {last})")).unwrap_or_default();
        return format!(
            "port {port} of sandbox {sandbox_id} is open, but did not answer GET {path} well within {limit}{last}: read what \
             its server prints, or wait longer with `timeoutMs`"
        );
    }
    let listening = match (listening.as_slice(), last) {
        ([], Some(last)) => format!("the last look at the ports failed: {last}"),
        ([], None) => "nothing listens on any".to_owned(),
        (ports, _) => format!("listening: {}", ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")),
    };
    format!(
        "nothing listened on port {port} of sandbox {sandbox_id} within {limit} ({listening}): is its server started, and \
         does it listen on 127.0.0.1 or all addresses?"
    )
}

/// `: <message> (<recommendation>)`, from the diagnostic or else the phase that failed.
fn reason(error: &NotReady) -> String {
    let failed = || error.timeline.iter().rev().find(|event| event.status == Some(PhaseStatus::Failed));
    match (&error.diagnostic, failed()) {
        (Some(diagnostic), _) if !diagnostic.message.is_empty() => {
            let advice = diagnostic.recommendation.as_ref().map(|advice| format!(" ({advice})")).unwrap_or_default();
            format!(": {}{advice}", diagnostic.message)
        }
        (_, Some(event)) => match &event.message {
            Some(message) => format!(": {message}"),
            None => format!(": its phase {} failed", event.phase),
        },
        _ => ": the service gave no reason: read its logs".to_owned(),
    }
}

fn standing(error: &NotReady) -> String {
    let state = error.state.as_ref().map_or("unknown", |state| state.as_str());
    let phase = error.timeline.last().map(|event| format!(", last phase {}", event.phase)).unwrap_or_default();
    format!("state {state}{phase}")
}

pub(crate) fn invalid_answer(status: u16, content_type: &str, excerpt: &str, problem: &str, call: &Call) -> String {
    let Call { method, path, .. } = call;
    let kind = if content_type.is_empty() { "no content type" } else { content_type };
    let shown = if excerpt.is_empty() { String::new() } else { format!(": {excerpt:?}") };
    format!(
        "{method} {path} answered {status} ({kind}) with {problem}{shown}: is the base URL right?{}",
        outcome_unknown(call)
    )
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
