//! What a program gets to see.

use tokio::io::AsyncReadExt;

use crate::scene::{Scene, header, patient};

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let scene = Scene::set().await;
    let mut client =
        scene.client("PATCH /proxy/{port}/a%20b/../c//?q=1&q=%2F&x HTTP/1.1\r\nhost: sandbox\r\nx-own: 1\r\ncookie: a=b\r\ncontent-length: 5\r\n\r\nhello").await;
    let (mut program, head) = scene.asked().await;
    assert!(head.starts_with("PATCH /a%20b/../c//?q=1&q=%2F&x HTTP/1.1\r\n"), "{head}");
    assert_eq!((header(&head, "x-own"), header(&head, "cookie")), (Some("1"), Some("a=b")));
    program.hears("hello").await;
    program.say(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn the_port_alone_is_the_programs_root() {
    let scene = Scene::set().await;
    for path in ["/proxy/{port}", "/proxy/{port}/", "/proxy/{port}?a", "/proxy/{port}/?a"] {
        let _client = scene.client(&format!("GET {path} HTTP/1.1\r\nhost: sandbox\r\n\r\n")).await;
        let (_, head) = scene.asked().await;
        assert!(head.starts_with(if path.ends_with("?a") { "GET /?a HTTP" } else { "GET / HTTP" }), "{head}");
    }
}

#[tokio::test]
async fn a_program_is_asked_as_localhost_and_told_of_the_way() {
    let scene = Scene::set().await;
    let _client = scene.client("GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\n\r\n").await;
    let (_, head) = scene.asked().await;
    let port = scene.port;
    assert_eq!(header(&head, "host"), Some(format!("localhost:{port}").as_str()));
    assert_eq!(header(&head, "x-forwarded-host"), Some("sandbox"));
    assert_eq!(header(&head, "x-forwarded-proto"), Some("http"));
    assert_eq!(header(&head, "x-forwarded-prefix"), Some(format!("/proxy/{port}").as_str()));
}

#[tokio::test]
async fn what_an_engine_says_of_the_way_stands() {
    let scene = Scene::set().await;
    let said = "GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\nx-forwarded-host: outside:80\r\nx-forwarded-proto: https\r\n\r\n";
    let _client = scene.client(said).await;
    let (_, head) = scene.asked().await;
    assert_eq!(header(&head, "x-forwarded-host"), Some("outside:80"));
    assert_eq!(header(&head, "x-forwarded-proto"), Some("https"));
    assert_eq!(header(&head, "x-forwarded-prefix"), None, "a host of its own has no prefix");
}

#[tokio::test]
async fn a_page_of_the_program_is_of_its_origin_and_another_is_not() {
    let scene = Scene::set().await;
    let own = format!("http://localhost:{}", scene.port);
    for (origin, seen) in [("http://outside:80", own.as_str()), ("http://evil.example", "http://evil.example")] {
        let said = format!(
            "GET /proxy/{{port}}/ HTTP/1.1\r\nhost: sandbox\r\nx-forwarded-host: outside:80\r\norigin: {origin}\r\n\r\n"
        );
        let _client = scene.client(&said).await;
        let (_, head) = scene.asked().await;
        assert_eq!(header(&head, "origin"), Some(seen));
    }
}

#[tokio::test]
async fn what_holds_for_one_connection_stays_on_it() {
    let scene = Scene::set().await;
    let said = "GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\nconnection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
                te: trailers\r\nproxy-authorization: x\r\nupgrade: other\r\nx-own: 1\r\n\r\n";
    let _client = scene.client(said).await;
    let (_, head) = scene.asked().await;
    for name in ["connection", "x-hop", "keep-alive", "te", "proxy-authorization", "upgrade"] {
        assert_eq!(header(&head, name), None, "{head}");
    }
    assert_eq!(header(&head, "x-own"), Some("1"));
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_comes() {
    let scene = Scene::set().await;
    let mut client =
        scene.client("POST /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let (mut program, _) = scene.asked().await;
    client.say(b"5\r\nfirst\r\n").await;
    program.hears("5\r\nfirst\r\n").await;
    client.say(b"6\r\nsecond\r\n0\r\n\r\n").await;
    program.hears("6\r\nsecond\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_body_may_be_larger_than_what_the_agent_reads_by_itself() {
    const LENGTH: usize = 40 * 1024 * 1024;
    let scene = Scene::set().await;
    let head = format!("POST /proxy/{{port}}/ HTTP/1.1\r\nhost: sandbox\r\ncontent-length: {LENGTH}\r\n\r\n");
    let mut client = scene.client(&head).await;
    let sent = tokio::spawn(async move {
        for _ in 0..LENGTH / 65_536 {
            client.say(&[b'x'; 65_536]).await;
        }
        client
    });
    let (mut program, _) = scene.asked().await;
    let mut buffer = vec![0; 65_536];
    let mut heard = 0;
    while heard < LENGTH {
        heard += patient(program.0.read(&mut buffer)).await.unwrap();
    }
    program.say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(sent.await.unwrap().head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_program_on_the_other_loopback_is_found() {
    let scene = Scene::with_program_at("[::1]:0").await;
    let _client = scene.client("GET /proxy/{port}/six HTTP/1.1\r\nhost: sandbox\r\n\r\n").await;
    let (_, head) = scene.asked().await;
    assert!(head.starts_with("GET /six "), "{head}");
}
