//! What gets no answer of a program.

use serde_json::json;

use crate::scene::Scene;

const ASK: &str = "GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\n\r\n";

#[tokio::test]
async fn a_port_on_which_nothing_listens_is_named_with_the_way_out() {
    let scene = Scene::set().await.close_program();
    let message = format!("nothing listens on port {} in this sandbox: start a server there first", scene.port);
    assert_eq!(scene.refusal(ASK).await, (502, json!({ "code": "unavailable", "message": message })));
}

#[tokio::test]
async fn what_is_no_port_is_refused() {
    let scene = Scene::set().await;
    for port in ["0", "65536", "abc", "-1", "%33000"] {
        let (status, body) = scene.refusal(&format!("GET /proxy/{port}/ HTTP/1.1\r\nhost: sandbox\r\n\r\n")).await;
        assert_eq!((status, &body["code"]), (400, &json!("invalid_argument")), "{port}");
        assert!(body["message"].as_str().unwrap().contains("is not a port: use a number from 1 to 65535"), "{body}");
    }
}

#[tokio::test]
async fn a_program_that_speaks_no_http_is_named() {
    let scene = Scene::set().await;
    for said in ["SSH-2.0-OpenSSH_9.6\r\n", ""] {
        let mut client = scene.client(ASK).await;
        let (mut program, _) = scene.asked().await;
        program.say(said.as_bytes()).await;
        drop(program);
        let (status, body) = client.refused().await;
        assert_eq!((status, &body["code"]), (502, &json!("unavailable")));
        let start = format!("port {} in this sandbox: the program on it did not answer as HTTP servers do", scene.port);
        assert!(body["message"].as_str().unwrap().starts_with(&start), "{body}");
    }
}

#[tokio::test]
async fn a_change_of_protocol_that_nobody_asked_for_is_none() {
    let scene = Scene::set().await;
    let mut client = scene.client(ASK).await;
    let (mut program, _) = scene.asked().await;
    program.say(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n").await;
    let (status, body) = client.refused().await;
    assert_eq!(status, 502);
    assert!(body["message"].as_str().unwrap().contains("which nobody asked for"), "{body}");
}
