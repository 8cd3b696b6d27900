//! What of an agent's answer reaches a client: code in a sandbox can imitate its agent.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sandbar_protocol::ACCESS_TOKEN_HEADER;

use super::PORTS;

/// What speaks for the whole origin, which all sandboxes and the engine share.
const OF_THE_ORIGIN: [&str; 9] = [
    "alt-svc",
    "clear-site-data",
    "nel",
    "origin-agent-cluster",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
];

/// Whether the answer is one that an agent gives: an interim one, which nobody asked for, would leave a client waiting,
/// and a redirect would send it, with its token, to a place of the sandbox's choosing. A program may change the protocol
/// if it was asked to.
pub(super) fn is_agents(status: StatusCode, path: &str, upgrades: bool) -> bool {
    let of_program = path.starts_with(PORTS);
    match status {
        StatusCode::SWITCHING_PROTOCOLS => of_program && upgrades,
        StatusCode::NOT_MODIFIED => true,
        _ => !status.is_informational() && (of_program || !status.is_redirection()),
    }
}

/// Removes what an agent has no right to say.
pub(super) fn clean(headers: &mut HeaderMap, path: &str) {
    for name in OF_THE_ORIGIN {
        headers.remove(name);
    }
    if path.starts_with(PORTS) {
        return;
    }
    headers.remove(header::SET_COOKIE);
    let cross_origin = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    let names: Vec<HeaderName> = headers.keys().filter(cross_origin).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Keeps an answer under the engine's own name from being a page or a script of the dashboard's origin, whose key it could read.
pub(super) fn confine(headers: &mut HeaderMap, path: &str, open: bool) {
    if path.starts_with(PORTS) {
        // No browser opens it: an address carries no token. Nor may it be opened out of a cache.
        headers.append(header::VARY, HeaderValue::from_static(ACCESS_TOKEN_HEADER));
        return;
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if open {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_of(names: &[&'static str], path: &str) -> Vec<String> {
        let mut headers: HeaderMap =
            names.iter().map(|name| (HeaderName::from_static(name), header::HeaderValue::from_static("x"))).collect();
        clean(&mut headers, path);
        headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_protocol_is_changed_by_a_program_alone_and_when_asked() {
        let switching = StatusCode::SWITCHING_PROTOCOLS;
        assert!(is_agents(switching, "/proxy/3000/", true));
        assert!(!is_agents(switching, "/proxy/3000/", false));
        assert!(!is_agents(switching, "/run", true));
        assert!(!is_agents(StatusCode::PROCESSING, "/proxy/3000/", true));
    }

    #[test]
    fn an_agent_sets_no_cookie_and_opens_nothing_to_other_origins() {
        let names = ["content-type", "set-cookie", "access-control-allow-origin", "clear-site-data", "x-own"];
        assert_eq!(left_of(&names, "/run"), ["content-type", "x-own"]);
    }

    #[test]
    fn a_port_of_the_sandbox_does_so_but_speaks_for_no_one_else() {
        let names = ["set-cookie", "access-control-allow-origin", "strict-transport-security"];
        assert_eq!(left_of(&names, "/proxy/3000/"), ["set-cookie", "access-control-allow-origin"]);
    }
}
