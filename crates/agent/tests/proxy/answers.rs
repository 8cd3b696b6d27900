//! What a client gets of a program's answer.

use crate::scene::{Peer, Scene, header, status};

const ASK: &str = "GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\n\r\n";

#[tokio::test]
async fn an_answer_is_passed_on_as_it_is() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    let said = "HTTP/1.1 418 Teapot\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nlocation: http://elsewhere/\r\nx-own: 1\r\n\
                connection: x-hop\r\nx-hop: 1\r\ncontent-length: 3\r\n\r\ntea";
    program.say(said.as_bytes()).await;
    let head = client.head().await;
    assert_eq!((status(&head), header(&head, "location")), (418, Some("http://elsewhere/")));
    assert_eq!(head.matches("set-cookie: ").count(), 2);
    assert_eq!((header(&head, "x-own"), header(&head, "x-hop")), (Some("1"), None));
    client.hears("tea").await;
}

#[tokio::test]
async fn a_stream_is_passed_on_event_by_event() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    assert_eq!(header(&client.head().await, "content-type"), Some("text/event-stream"));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        program.say(event.as_bytes()).await;
        client.hears(&format!("{:X}\r\n{event}\r\n", event.len())).await;
    }
    drop(program);
    client.hears("0\r\n\r\n").await;
}

#[tokio::test]
async fn an_answer_of_http_1_0_ends_with_its_connection() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.0 200 OK\r\n\r\nold").await;
    drop(program);
    assert_eq!(status(&client.head().await), 200);
    client.hears("3\r\nold\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn the_length_that_head_asks_for_is_told() {
    let scene = Scene::set().await;
    let mut client = scene.client(&ASK.replace("GET", "HEAD")).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n").await;
    assert_eq!(header(&client.head().await, "content-length"), Some("12345"));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_cut_off() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    client.head().await;
    client.hears("half").await;
    drop(program);
    client.hears_the_end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_seen_by_a_program_that_has_not_answered() {
    let scene = Scene::set().await;
    let client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    drop(client);
    program.hears_the_end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_seen_by_a_program_whose_stream_is_silent() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 200 OK\r\n\r\nx").await;
    begun(&mut client).await;
    drop(client);
    program.hears_the_end().await;
}

async fn begun(client: &mut Peer) {
    client.head().await;
    client.hears("1\r\nx\r\n").await;
}
