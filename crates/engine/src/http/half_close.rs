use axum::http::header;
use axum::http::request::Parts;

use super::runtime::preview::PreviewHost;

/// Whether a request ends once its client sends no more: its answer may take as long as the sandbox lives, and a command
/// must not run on for a client that has left. All others are answered: their client may have closed one side only.
pub fn ends_with_client(parts: &Parts) -> bool {
    is_for_port(parts) || may_take_long(parts.uri.path())
}

fn is_for_port(parts: &Parts) -> bool {
    let headers = ["x-forwarded-host", header::HOST.as_str()].into_iter().filter_map(|name| parts.headers.get(name));
    let hosts = headers.filter_map(|host| host.to_str().ok());
    let target = parts.uri.authority().map(|authority| authority.as_str());
    hosts.chain(target).any(|host| PreviewHost::parse(host).is_some())
}

fn may_take_long(path: &str) -> bool {
    let of_runtime = path.strip_prefix("/envd/").and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    of_runtime.is_some_and(|path| {
        path == "run"
            || ["proxy/", "process.Process/"].iter().any(|start| path.starts_with(start))
            || path.ends_with("/WatchDir")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn ends(target: &str, host: &str) -> bool {
        let request = Request::get(target).header(header::HOST, host).body(());
        request.is_ok_and(|request| ends_with_client(&request.into_parts().0))
    }

    #[test]
    fn request_ends_with_client_when_its_answer_may_take_long() {
        for path in ["/run", "/proxy/3000/x", "/process.Process/Start", "/filesystem.Filesystem/WatchDir"] {
            assert!(ends(&format!("/envd/sb-1{path}"), "engine"), "{path}");
        }
        assert!(ends("/files", "3000-sb-1.localhost"));
        assert!(ends("http://3000-sb-1.localhost/files", "engine"));
    }

    #[test]
    fn other_requests_are_answered() {
        for path in ["/health", "/api/v1/sandboxes", "/run", "/envd/sb-1/files", "/envd/sb-1", "/envd/sb-1/metrics"] {
            assert!(!ends(path, "engine"), "{path}");
        }
    }
}
