//! WebSocket, and every other protocol that a connection can be changed to.

use crate::scene::{Peer, Running, Scene, header, status};

const ASK: &str = "GET /proxy/{port}/chat HTTP/1.1\r\nhost: sandbox\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Both ends of a connection that was upgraded.
async fn upgraded(scene: &Running) -> (Peer, Peer) {
    let mut client = scene.client(ASK).await;
    let (mut program, head) = scene.asked().await;
    assert_eq!((header(&head, "connection"), header(&head, "upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(header(&head, "sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    program.say(SWITCH).await;
    let head = client.head().await;
    assert_eq!((status(&head), header(&head, "upgrade")), (101, Some("websocket")));
    assert_eq!(header(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    (client, program)
}

#[tokio::test]
async fn bytes_go_both_ways_after_an_upgrade() {
    let scene = Scene::set().await;
    let (mut client, mut program) = upgraded(&scene).await;
    for round in 0..3 {
        client.say(format!("to {round}\0\r\n").as_bytes()).await;
        program.hears(&format!("to {round}\0\r\n")).await;
        program.say(format!("fro {round}").as_bytes()).await;
        client.hears(&format!("fro {round}")).await;
    }
}

#[tokio::test]
async fn what_a_program_says_with_its_switch_is_not_lost() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(&[SWITCH, b"at once"].concat()).await;
    client.head().await;
    client.hears("at once").await;
}

#[tokio::test]
async fn either_end_of_an_upgraded_connection_sees_the_other_go() {
    let scene = Scene::set().await;
    let (client, mut program) = upgraded(&scene).await;
    drop(client);
    program.hears_the_end().await;
    let (mut client, program) = upgraded(&scene).await;
    drop(program);
    client.hears_the_end().await;
}

#[tokio::test]
async fn a_program_may_decline_an_upgrade() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    assert_eq!(status(&client.head().await), 403);
    client.hears("no").await;
}
