//! A sandbox's ports under host names of their own.

use crate::scene::{Scene, header, status};

fn ask(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: 3000-{{id}}.localhost:8787\r\n{more}\r\n")
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap()
}

/// The cookie that a browser gets, as `name=value`.
async fn cookie(scene: &Scene) -> String {
    let (head, _) = scene.answered(&ask("/?access_token={token}", "")).await;
    header(&head, "set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_host_name_leads_to_a_port_whatever_the_path() {
    let scene = Scene::set().await;
    for path in ["/", "/a%20b//?q=/x", "/api/v1/sandboxes", "/health", "/openapi.json", "/envd/sb-other/run"] {
        let head = scene.passes(&ask(path, "x-access-token: {token}\r\n")).await;
        assert_eq!(first_line(&head), format!("GET /proxy/3000{path} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_program_has_its_host_name_for_itself() {
    let scene = Scene::set().await;
    let head = scene.passes(&ask("/a", "x-access-token: {token}\r\n")).await;
    let host = format!("3000-{}.localhost:8787", scene.id);
    assert_eq!((header(&head, "x-forwarded-host"), header(&head, "x-forwarded-prefix")), (Some(host.as_str()), None));
    assert_eq!(header(&head, "x-access-token"), None);
}

#[tokio::test]
async fn a_preview_needs_a_token_and_no_key() {
    let scene = Scene::set().await;
    for more in [
        "",
        "x-access-token: guess\r\n",
        "x-api-key: test-key\r\n",
        "cookie: sandbar_preview=guess\r\n",
        "cookie: sandbar_preview={token}\r\n",
    ] {
        let (status, message) = scene.refusal(&ask("/", more)).await;
        assert_eq!(status, 401, "{more}");
        assert!(message.contains("?access_token="), "{message}");
    }
    assert_eq!(scene.refusal(&ask("/?access_token=guess", "")).await.0, 401);
    assert_eq!(scene.refusal(&ask("/health", "")).await.0, 401, "the program's, which is not the agent's");
}

#[tokio::test]
async fn a_token_in_the_address_becomes_a_cookie_and_leaves_the_address() {
    let scene = Scene::set().await;
    let (head, _) = scene.answered(&ask("/a/b?x=%2F&access_token={token}&y", "referer: http://x/\r\n")).await;
    assert_eq!((status(&head), header(&head, "location")), (303, Some("/a/b?x=%2F&y")));
    let cookie = header(&head, "set-cookie").unwrap();
    assert!(cookie.starts_with("sandbar_preview=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(
        (header(&head, "referrer-policy"), header(&head, "cache-control")),
        (Some("no-referrer"), Some("no-store"))
    );
    assert!(!head.contains(&scene.token), "the cookie is not the token");
}

#[tokio::test]
async fn the_cookie_lets_a_browser_in_and_goes_no_further() {
    let scene = Scene::set().await;
    let own = cookie(&scene).await;
    let head = scene.passes(&ask("/page", &format!("cookie: a=b; {own}; c=d\r\n"))).await;
    assert_eq!((first_line(&head), header(&head, "cookie")), ("GET /proxy/3000/page HTTP/1.1", Some("a=b; c=d")));
    let head = scene.passes(&ask("/page", &format!("cookie: sandbar_preview=of-a-neighbour; {own}\r\n"))).await;
    assert_eq!(header(&head, "cookie"), None);
}

#[tokio::test]
async fn the_cookie_opens_one_port_of_one_sandbox_and_no_runtime_api() {
    let mut scene = Scene::set().await;
    let own = format!("cookie: {}\r\n", cookie(&scene).await);
    let other = scene.engine.running(serde_json::json!({})).await;
    assert_eq!(scene.refusal(&ask("/", &own).replace("3000-", "3001-")).await.0, 401);
    assert_eq!(scene.refusal(&ask("/", &own).replace("{id}", &other)).await.0, 401);
    let path = format!("GET /envd/{{id}}/proxy/3000/ HTTP/1.1\r\nhost: engine\r\n{own}\r\n");
    assert_eq!(scene.refusal(&path).await.0, 401);
    let value = own.split_once('=').unwrap().1.trim();
    let as_token = format!("POST /envd/{{id}}/run HTTP/1.1\r\nhost: engine\r\nx-access-token: {value}\r\n\r\n");
    assert_eq!(scene.refusal(&as_token).await.0, 401);
    scene.resume().await;
    assert_eq!(scene.refusal(&ask("/", &own)).await.0, 401, "a resume makes it void");
}

#[tokio::test]
async fn the_redirect_leads_to_no_other_host() {
    let scene = Scene::set().await;
    for (target, location) in [
        ("//evil.example/?access_token={token}", "/.//evil.example/"),
        ("/\\evil.example/?access_token={token}", "/./\\evil.example/"),
        ("http://3000-{id}.localhost/a?access_token={token}", "/a"),
    ] {
        let (head, _) = scene.answered(&ask(target, "")).await;
        assert_eq!((status(&head), header(&head, "location")), (303, Some(location)), "{target}");
    }
}

#[tokio::test]
async fn a_programs_own_access_token_parameter_is_passed_on() {
    let scene = Scene::set().await;
    let own = cookie(&scene).await;
    let head = scene.passes(&ask("/?access_token=of-the-program", &format!("cookie: {own}\r\n"))).await;
    assert_eq!(first_line(&head), "GET /proxy/3000/?access_token=of-the-program HTTP/1.1");
}

#[tokio::test]
async fn a_websocket_gets_in_by_the_cookie() {
    let scene = Scene::set().await;
    let own = cookie(&scene).await;
    let more = format!("cookie: {own}\r\nconnection: upgrade\r\nupgrade: websocket\r\n");
    let mut client = scene.client(&ask("/chat", &more)).await;
    let (mut agent, _) = scene.asked().await;
    agent.say(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello").await;
    assert_eq!(status(&client.head().await), 101);
    client.hears("hello").await;
}

#[tokio::test]
async fn other_host_names_are_the_engines() {
    let scene = Scene::set().await;
    for host in
        ["127.0.0.1:8787", "localhost", "{id}.localhost", "3000-{id}", "3000-other.localhost", "0-{id}.localhost"]
    {
        let (head, body) = scene.answered(&format!("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!((status(&head), &body["status"]), (200, &serde_json::json!("ok")), "{host}");
    }
}

#[tokio::test]
async fn a_sandbox_that_is_not_there_has_no_preview() {
    let scene = Scene::set().await;
    let said = ask("/", "x-access-token: {token}\r\n").replace("{id}", "sb-none");
    assert_eq!(scene.refusal(&said).await, (404, "there is no such sandbox".to_owned()));
    scene.engine.post(&format!("/sandboxes/{}/pause", scene.id), serde_json::Value::Null).await;
    assert_eq!(scene.refusal(&ask("/", "x-access-token: {token}\r\n")).await.0, 409);
}
