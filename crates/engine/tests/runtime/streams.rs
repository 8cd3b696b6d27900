//! Bodies that come little by little, and ends of either side.

use crate::scene::{Scene, header, status};

fn ask(method: &str, path: &str, more: &str) -> String {
    format!("{method} /envd/{{id}}{path} HTTP/1.1\r\nhost: engine\r\nx-access-token: {{token}}\r\n{more}\r\n")
}

#[tokio::test]
async fn bodies_pass_both_ways_as_they_come() {
    let scene = Scene::set().await;
    let mut client = scene.client(&ask("POST", "/files?path=/a", "transfer-encoding: chunked\r\n")).await;
    let (mut agent, _) = scene.asked().await;
    for part in ["first", "second"] {
        let chunk = format!("{:X}\r\n{part}\r\n", part.len());
        client.say(chunk.as_bytes()).await;
        agent.hears(&chunk).await;
    }
    agent.say(b"HTTP/1.1 200 OK\r\n\r\n").await;
    assert_eq!(status(&client.head().await), 200);
    for part in ["third", "fourth"] {
        agent.say(part.as_bytes()).await;
        client.hears(&format!("{:X}\r\n{part}\r\n", part.len())).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_a_request_that_is_not_answered_yet() {
    let scene = Scene::set().await;
    let client = scene.client(&ask("POST", "/run", "content-length: 2\r\n")).await;
    let (mut agent, _) = scene.asked().await;
    drop(client);
    agent.hears_the_end().await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_a_stream_that_is_silent() {
    let scene = Scene::set().await;
    let mut client = scene.client(&ask("POST", "/process.Process/Start", "content-length: 0\r\n")).await;
    let (mut agent, _) = scene.asked().await;
    agent.say(b"HTTP/1.1 200 OK\r\n\r\nx").await;
    client.head().await;
    client.hears("1\r\nx\r\n").await;
    drop(client);
    agent.hears_the_end().await;
}

#[tokio::test]
async fn a_sandbox_that_ends_cuts_its_streams_off() {
    let scene = Scene::set().await;
    let mut client = scene.client(&ask("POST", "/process.Process/Start", "content-length: 0\r\n")).await;
    let (mut agent, _) = scene.asked().await;
    agent.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n").await;
    client.head().await;
    client.hears("1\r\nx\r\n").await;
    drop(agent);
    // Not as an answer that is whole: that would have ended with an empty chunk.
    client.hears_the_end().await;
}

#[tokio::test]
async fn a_program_is_told_under_which_name_it_was_asked() {
    let scene = Scene::set().await;
    let head = scene.passes(&ask("GET", "/proxy/3000/a", "")).await;
    assert_eq!((header(&head, "host"), header(&head, "x-forwarded-host")), (Some("sandbox"), Some("engine")));
    assert_eq!(header(&head, "x-forwarded-proto"), Some("http"));
    assert_eq!(header(&head, "x-forwarded-prefix"), Some(format!("/envd/{}/proxy/3000", scene.id).as_str()));
    let outer = "x-forwarded-host: outside\r\nx-forwarded-proto: https\r\nx-forwarded-prefix: /outer/\r\n";
    let head = scene.passes(&ask("GET", "/proxy/3000/a", outer)).await;
    assert_eq!(
        (header(&head, "x-forwarded-host"), header(&head, "x-forwarded-proto")),
        (Some("outside"), Some("https"))
    );
    assert_eq!(header(&head, "x-forwarded-prefix"), Some(format!("/outer/envd/{}/proxy/3000", scene.id).as_str()));
}

#[tokio::test]
async fn the_engines_key_is_not_passed_on_and_other_authorization_is() {
    let scene = Scene::set().await;
    let head = scene.passes(&ask("GET", "/proxy/3000/", "authorization: Bearer test-key\r\n")).await;
    assert_eq!(header(&head, "authorization"), None);
    let head = scene.passes(&ask("GET", "/proxy/3000/", "authorization: Bearer of-the-program\r\n")).await;
    assert_eq!(header(&head, "authorization"), Some("Bearer of-the-program"));
    let head = scene.passes(&ask("POST", "/process.Process/List", "authorization: Basic cm9vdDo=\r\n")).await;
    assert_eq!(header(&head, "authorization"), Some("Basic cm9vdDo="));
}
