//! Pages that a sandbox makes: none has the origin of the engine, where the dashboard keeps its key.

use crate::scene::{Scene, header, status};
use crate::signatures::signed;

/// What a hostile sandbox answers, whatever it is asked.
const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-security-policy: script-src *\r\n\
                    cache-control: max-age=9999\r\ncontent-length: 30\r\n\r\n<script>steal(sessionStorage)";

/// The head of the page as a browser gets it.
async fn page(scene: &Scene, said: &str) -> String {
    let mut client = scene.client(said).await;
    let (mut agent, _) = scene.asked().await;
    agent.say(PAGE.as_bytes()).await;
    let head = client.head().await;
    assert_eq!(status(&head), 200);
    head
}

/// A page with this head runs no script, and has an origin that is nobody's.
fn is_confined(head: &str) -> bool {
    let policies: Vec<&str> = head.lines().filter(|line| line.starts_with("content-security-policy:")).collect();
    policies == ["content-security-policy: sandbox"] && header(head, "x-content-type-options") == Some("nosniff")
}

#[tokio::test]
async fn what_needs_no_token_is_neither_a_page_nor_a_script() {
    let scene = Scene::set().await;
    for path in ["", "/", "/health"] {
        let head = page(&scene, &format!("GET /envd/{{id}}{path} HTTP/1.1\r\nhost: engine\r\n\r\n")).await;
        assert!(is_confined(&head), "{head}");
        assert_eq!(header(&head, "content-type"), Some("application/json"), "{path}");
    }
}

#[tokio::test]
async fn a_signed_file_is_shown_with_an_origin_of_its_own() {
    let scene = Scene::set().await;
    let query = signed(&scene, "read", "/root/page.html", None);
    let head = page(&scene, &format!("GET /envd/{{id}}/files?{query} HTTP/1.1\r\nhost: engine\r\n\r\n")).await;
    assert!(is_confined(&head), "{head}");
    assert_eq!(header(&head, "content-type"), Some("text/html"), "it is shown all the same");
}

#[tokio::test]
async fn an_answer_that_was_fetched_with_the_token_is_confined_when_a_cache_shows_it() {
    let scene = Scene::set().await;
    let more = "host: engine\r\nx-access-token: {token}\r\n\r\n";
    let head = page(&scene, &format!("GET /envd/{{id}}/files?path=a.html HTTP/1.1\r\n{more}")).await;
    assert!(is_confined(&head), "{head}");
    let head = page(&scene, &format!("GET /envd/{{id}}/proxy/3000/ HTTP/1.1\r\n{more}")).await;
    assert_eq!(header(&head, "vary"), Some("x-access-token"), "an address without a token is asked for anew");
}

#[tokio::test]
async fn no_address_opens_a_port_under_the_engines_name() {
    let scene = Scene::set().await;
    for (query, more) in [
        ("", ""),
        ("?access_token={token}", ""),
        ("?X-Access-Token={token}", ""),
        ("", "cookie: x-access-token={token}\r\n"),
    ] {
        let said = format!("GET /envd/{{id}}/proxy/3000/{query} HTTP/1.1\r\nhost: 127.0.0.1:7410\r\n{more}\r\n");
        assert_eq!(scene.refusal(&said).await.0, 401, "{said}");
    }
    let query = signed(&scene, "read", "/root/page.html", None);
    let said = format!("GET /envd/{{id}}/proxy/3000/files?{query} HTTP/1.1\r\nhost: engine\r\n\r\n");
    assert_eq!(scene.refusal(&said).await.0, 401, "a signature is for files");
}

#[tokio::test]
async fn a_port_under_its_own_name_answers_as_it_likes() {
    let scene = Scene::set().await;
    let said = "GET / HTTP/1.1\r\nhost: 3000-{id}.localhost:7410\r\nx-access-token: {token}\r\n\r\n";
    let head = page(&scene, said).await;
    assert_eq!(header(&head, "content-security-policy"), Some("script-src *"));
    assert_eq!((header(&head, "content-type"), header(&head, "vary")), (Some("text/html"), None));
}
