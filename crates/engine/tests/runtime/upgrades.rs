//! WebSocket, and every other protocol that a connection can be changed to.

use tokio::io::DuplexStream;
use tokio::net::TcpStream;

use crate::scene::{Peer, Scene, header, status};

const UPGRADE: &str = "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhl\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                        sec-websocket-accept: s3pP\r\n\r\n";

fn ask(path: &str, token: &str) -> String {
    format!("GET /envd/{{id}}{path} HTTP/1.1\r\nhost: engine\r\nx-access-token: {token}\r\n{UPGRADE}\r\n")
}

/// Both ends of a connection that was upgraded.
async fn upgraded(scene: &Scene) -> (Peer<TcpStream>, Peer<DuplexStream>) {
    let mut client = scene.client(&ask("/proxy/3000/chat?room=1", "{token}")).await;
    let (mut agent, head) = scene.asked().await;
    assert!(head.starts_with("GET /proxy/3000/chat?room=1 HTTP/1.1\r\n"), "{head}");
    assert_eq!((header(&head, "connection"), header(&head, "upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!((header(&head, "sec-websocket-key"), header(&head, "x-access-token")), (Some("dGhl"), None));
    agent.say(SWITCH).await;
    let head = client.head().await;
    assert_eq!((status(&head), header(&head, "upgrade")), (101, Some("websocket")));
    assert_eq!(header(&head, "sec-websocket-accept"), Some("s3pP"));
    (client, agent)
}

#[tokio::test]
async fn bytes_go_both_ways_after_an_upgrade() {
    let scene = Scene::set().await;
    let (mut client, mut agent) = upgraded(&scene).await;
    for round in 0..3 {
        client.say(format!("to {round}\0\r\n").as_bytes()).await;
        agent.hears(&format!("to {round}\0\r\n")).await;
        agent.say(format!("fro {round}").as_bytes()).await;
        client.hears(&format!("fro {round}")).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_an_upgraded_connection() {
    let scene = Scene::set().await;
    let (client, mut agent) = upgraded(&scene).await;
    drop(client);
    agent.hears_the_end().await;
}

#[tokio::test]
async fn a_sandbox_that_ends_ends_an_upgraded_connection() {
    let scene = Scene::set().await;
    let (mut client, agent) = upgraded(&scene).await;
    // As the kernel does it with the end of the process.
    drop(agent);
    client.hears_the_end().await;
}

#[tokio::test]
async fn an_upgrade_needs_the_token() {
    let scene = Scene::set().await;
    assert_eq!(scene.refusal(&ask("/proxy/3000/", "guess")).await.0, 401);
}

#[tokio::test]
async fn only_ports_are_asked_for_an_upgrade() {
    let scene = Scene::set().await;
    for path in ["/run", "/proxy", "/"] {
        let mut client = scene.client(&ask(path, "{token}")).await;
        let (mut agent, head) = scene.asked().await;
        assert_eq!((header(&head, "connection"), header(&head, "upgrade")), (None, None), "{path}");
        agent.say(SWITCH).await;
        assert_eq!(status(&client.head().await), 502, "{path}");
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_a_bad_gateway() {
    let scene = Scene::set().await;
    let said = "GET /envd/{id}/proxy/3000/ HTTP/1.1\r\nhost: engine\r\nx-access-token: {token}\r\n\r\n";
    let mut client = scene.client(said).await;
    let (mut agent, _) = scene.asked().await;
    agent.say(SWITCH).await;
    assert_eq!(status(&client.head().await), 502);
    agent.hears_the_end().await;
}
