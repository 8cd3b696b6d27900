//! What an agent answers is untrusted: code in a sandbox can imitate it. The engine stays well, whatever it says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use support::{KEY, TestEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A sandbox whose agent the test plays.
struct Scene {
    engine: TestEngine,
    id: String,
    token: String,
    connections: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Scene {
    async fn set() -> Self {
        let engine = TestEngine::start_in_memory().await;
        let id = engine.running(json!({})).await;
        let token = engine.get(&format!("/sandboxes/{id}")).await.text("envdAccessToken").to_owned();
        let (imposter, connections) = mpsc::unbounded_channel();
        engine.driver.imposters.lock().unwrap().insert(id.clone(), imposter);
        Self { engine, id, token, connections }
    }

    fn request(&self, method: &str, path: &str) -> impl Future<Output = Response<Body>> + 'static {
        let request = Request::builder().method(method).uri(format!("/envd/{}{path}", self.id));
        let request = request.header("x-access-token", &self.token).body(Body::empty()).unwrap();
        let router = self.engine.router.clone();
        async move { router.oneshot(request).await.unwrap() }
    }

    /// The next connection, with the head of a request read from it.
    async fn asked(&mut self) -> DuplexStream {
        let mut stream = self.connections.recv().await.unwrap();
        read_head(&mut stream).await;
        stream
    }

    /// The answer to a request of which the agent says this and then breaks off.
    async fn answer(&mut self, said: &[u8]) -> Response<Body> {
        let answer = tokio::spawn(self.request("POST", "/run"));
        let mut stream = self.asked().await;
        // The engine may stop to listen.
        let _ = stream.write_all(said).await;
        drop(stream);
        answer.await.unwrap()
    }
}

async fn read_head(stream: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8_lossy(&answer.into_body().collect().await.unwrap().to_bytes()).into_owned()
}

async fn is_bad_gateway(answer: Response<Body>) {
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let body: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(body["code"], "unavailable");
    assert!(body["message"].as_str().unwrap().contains("did not answer as agents do"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_no_answer_is_a_bad_gateway() {
    let mut scene = Scene::set().await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\nok", "x-header: y\r\n".repeat(5000));
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "y".repeat(10_000_000));
    let said: [&[u8]; 15] = [
        b"",
        b"what?\r\n\r\n",
        b"<html>an answer of old</html>",
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\0",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-nul: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        many.as_bytes(),
        long.as_bytes(),
    ];
    for said in said {
        let answer = scene.answer(said).await;
        is_bad_gateway(answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn early_hints_are_passed_over() {
    let mut scene = Scene::set().await;
    let answer = scene.answer(&[b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", OK].concat()).await;
    assert_eq!((answer.status(), text(answer).await.as_str()), (StatusCode::OK, "ok"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_or_badly_chunked_is_an_error_to_the_client_and_no_more() {
    let mut scene = Scene::set().await;
    for said in [
        "content-length: 10\r\n\r\nok",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
        "transfer-encoding: chunked\r\n\r\n2\r\nokok\r\n0\r\n\r\n",
    ] {
        let answer = scene.answer(format!("HTTP/1.1 200 OK\r\n{said}").as_bytes()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.into_body().collect().await.is_err(), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_without_an_end_are_read_no_further_than_their_limit() {
    let mut scene = Scene::set().await;
    for line in [b"x-header: y\r\n".as_slice(), b"y"] {
        let answer = tokio::spawn(scene.request("POST", "/run"));
        let mut stream = scene.asked().await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap();
        let mut written = 0;
        while stream.write_all(&line.repeat(100)).await.is_ok() {
            written += line.len() * 100;
        }
        assert!(written < 1024 * 1024, "{written} bytes of headers were taken");
        is_bad_gateway(answer.await.unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_an_end_waits_for_its_reader() {
    let mut scene = Scene::set().await;
    let answer = tokio::spawn(scene.request("POST", "/run"));
    let mut stream = scene.asked().await;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _unread = answer.await.unwrap();
    let mut written = 0;
    while timeout(Duration::from_secs(60), stream.write_all(&[b'x'; 1024])).await.is_ok_and(|sent| sent.is_ok()) {
        written += 1024;
    }
    assert!(written < 1024 * 1024, "{written} bytes are held for a client that does not read");
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_token_is_answered_within_its_time_however_slow_the_agent_is() {
    let mut scene = Scene::set().await;
    for path in ["/health", "/health?wait=600000", "/"] {
        let begun = Instant::now();
        let silent = tokio::spawn(scene.request("GET", path));
        let _stream = scene.asked().await;
        is_bad_gateway(silent.await.unwrap()).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let dripping = tokio::spawn(scene.request("GET", path));
        let mut stream = scene.asked().await;
        for byte in OK {
            if timeout(Duration::from_secs(1), stream.write_all(&[*byte])).await.is_ok_and(|sent| sent.is_err()) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        is_bad_gateway(dripping.await.unwrap()).await;
        assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_may_take_as_long_as_its_sandbox_lives() {
    let mut scene = Scene::set().await;
    let answer = tokio::spawn(scene.request("POST", "/run"));
    let mut stream = scene.asked().await;
    tokio::time::sleep(Duration::from_secs(290)).await;
    stream.write_all(OK).await.unwrap();
    assert_eq!(text(answer.await.unwrap()).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn no_header_of_an_agent_speaks_for_the_engine() {
    let mut scene = Scene::set().await;
    let said = "HTTP/1.1 200 OK\r\nx-request-id: mine\r\nset-cookie: a=b\r\naccess-control-allow-origin: *\r\n\
                access-control-allow-credentials: true\r\nclear-site-data: \"*\"\r\nstrict-transport-security: max-age=1\r\n\
                alt-svc: h2=\":1\"\r\nconnection: x-hop\r\nx-hop: 1\r\nupgrade: h2c\r\nx-own: 1\r\n\
                content-length: 2\r\n\r\nok";
    let answer = scene.answer(said.as_bytes()).await;
    assert_eq!(answer.headers()["x-request-id"].len(), 36, "the engine's own");
    let mut names: Vec<&str> = answer.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    let ours = ["content-security-policy", "x-content-type-options"];
    assert_eq!(names, ["content-length", ours[0], ours[1], "x-own", "x-request-id"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_says_unasked_answers_no_later_request() {
    let mut scene = Scene::set().await;
    let answer = tokio::spawn(scene.request("POST", "/run"));
    let mut first = scene.asked().await;
    first.write_all(&[OK, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"].concat()).await.unwrap();
    assert_eq!(text(answer.await.unwrap()).await, "ok");
    tokio::task::yield_now().await;
    let next = tokio::spawn(scene.request("POST", "/run"));
    scene.asked().await.write_all(OK).await.unwrap();
    assert_eq!(text(next.await.unwrap()).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn connections_that_nobody_needs_any_more_are_closed() {
    let mut scene = Scene::set().await;
    let answer = tokio::spawn(scene.request("POST", "/run"));
    let mut stream = scene.asked().await;
    stream.write_all(OK).await.unwrap();
    assert_eq!(text(answer.await.unwrap()).await, "ok");
    let closed = timeout(Duration::from_secs(120), stream.read_u8()).await.expect("it is still open");
    assert!(closed.is_err());
}

#[tokio::test(start_paused = true)]
async fn other_sandboxes_go_on_beside_a_silent_one() {
    let mut scene = Scene::set().await;
    let other = scene.engine.running(json!({})).await;
    let _waiting: Vec<_> = (0..100).map(|_| tokio::spawn(scene.request("POST", "/run"))).collect();
    let _silent = scene.asked().await;
    let health = Request::get(format!("/envd/{other}/health")).body(Body::empty()).unwrap();
    let answer = timeout(Duration::from_secs(1), scene.engine.send(health)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_ends_ends_what_waits_for_it() {
    let mut scene = Scene::set().await;
    let answer = tokio::spawn(scene.request("POST", "/run"));
    let stream = scene.asked().await;
    // As the kernel does it with the end of the process.
    drop(stream);
    is_bad_gateway(answer.await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn the_access_token_opens_nothing_of_the_control_plane() {
    let scene = Scene::set().await;
    let path = format!("/api/v1/sandboxes/{}", scene.id);
    for (method, path) in [("POST", format!("{path}/heartbeat")), ("GET", path.clone()), ("DELETE", path)] {
        for header in ["x-access-token", "x-api-key", "authorization"] {
            let value = if header == "authorization" { format!("Bearer {}", scene.token) } else { scene.token.clone() };
            let request = Request::builder().method(method).uri(&path).header(header, value);
            let body = Body::from(json!({"status": "error"}).to_string());
            let answer = scene.engine.send(request.body(body).unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} with {header}");
        }
    }
    assert_eq!(scene.engine.get(&format!("/sandboxes/{}", scene.id)).await.text("state"), "running");
}

#[tokio::test(start_paused = true)]
async fn one_sandboxs_token_does_not_open_another() {
    let scene = Scene::set().await;
    let other = scene.engine.running(json!({})).await;
    for token in [scene.token.as_str(), KEY, ""] {
        let request = Request::post(format!("/envd/{other}/run")).header("x-access-token", token);
        let answer = scene.engine.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(start_paused = true)]
async fn no_path_leads_out_of_the_runtimes_own() {
    let scene = Scene::set().await;
    let other = scene.engine.running(json!({})).await;
    let token = scene.engine.get(&format!("/sandboxes/{other}")).await.text("envdAccessToken").to_owned();
    for path in ["/../../api/v1/sandboxes", "/%2e%2e/%2e%2e/api/v1/sandboxes", "//api/v1/sandboxes", "/..%2f..%2fapi"] {
        let request = Request::get(format!("/envd/{other}{path}")).header("x-access-token", &token);
        let answer = scene.engine.send(request.header("x-api-key", KEY).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.json["uri"], path, "it goes to the agent as it is");
        assert!(!answer.json["headers"].to_string().contains("x-api-key"));
    }
}
