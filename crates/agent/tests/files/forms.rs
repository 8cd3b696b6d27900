use std::convert::Infallible;
use std::pin::pin;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc;

use crate::sandbox::Sandbox;

const FORM: &str = "multipart/form-data; boundary=XX";

/// Parts of a form, each a file name and a content.
fn form(parts: &[(&str, &str)]) -> String {
    let part = |(name, content): &(&str, &str)| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
    };
    format!("{}--XX--\r\n", parts.iter().map(part).collect::<String>())
}

#[tokio::test]
async fn form_is_read_to_the_end_of_its_body_before_it_is_answered() {
    let sandbox = Sandbox::new();
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    let body = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let mut answer = pin!(sandbox.post("/files", FORM, Body::from_stream(body)));
    sender.send(Ok(form(&[("a.txt", "one")]).into())).await.expect("a reader");
    let written = async {
        while !sandbox.path("a.txt").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut answer => panic!("it was answered before the end of the body"),
        () = written => {}
    }
    for _ in 0..1000 {
        tokio::select! {
            biased;
            _ = &mut answer => panic!("it was answered before the end of the body"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(sender);
    assert_eq!(answer.await.status, 200);
}

#[tokio::test]
async fn a_form_names_its_files() {
    let sandbox = Sandbox::new();
    let body = form(&[("a.txt", "one"), ("deep/b.txt", "two"), (&sandbox.text("c.txt"), "three")]);
    let answer = sandbox.post("/files", FORM, body).await.ok();
    let names: Vec<_> = answer.as_array().expect("a list").iter().map(|file| file["name"].clone()).collect();
    assert_eq!(names, ["a.txt", "b.txt", "c.txt"]);
    assert_eq!(sandbox.content("a.txt"), "one");
    assert_eq!(sandbox.content("deep/b.txt"), "two");
    assert_eq!(sandbox.content("c.txt"), "three");
}

#[tokio::test]
async fn the_only_part_of_a_form_goes_where_the_query_says() {
    let sandbox = Sandbox::new();
    sandbox.post("/files?path=there.txt", FORM, form(&[("a.txt", "one")])).await.ok();
    assert_eq!(sandbox.content("there.txt"), "one");
    assert_eq!(sandbox.names("."), ["there.txt"]);
}

#[tokio::test]
async fn several_parts_of_a_form_go_into_the_folder_that_the_query_names() {
    let sandbox = Sandbox::new();
    sandbox.post("/files?path=in", FORM, form(&[("a.txt", "one"), ("b/c.txt", "two"), ("d.txt", "three")])).await.ok();
    assert_eq!(sandbox.names("in"), ["a.txt", "b", "d.txt"]);
    assert_eq!(sandbox.content("in/a.txt"), "one");
    assert_eq!(sandbox.content("in/b/c.txt"), "two");
    assert_eq!(sandbox.names("."), ["in"]);
}

#[tokio::test]
async fn a_form_into_a_folder_that_is_there_goes_into_it() {
    let sandbox = Sandbox::new();
    sandbox.put("in/old", "");
    sandbox.post("/files?path=in", FORM, form(&[("a.txt", "one")])).await.ok();
    assert_eq!(sandbox.names("in"), ["a.txt", "old"]);
}

#[tokio::test]
async fn a_form_that_is_broken_says_what_was_written() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/x", "");
    let answer = sandbox.post("/files", FORM, form(&[("a", "one"), ("folder", "two")])).await;
    answer.refused(400, "invalid_argument", "written before it: 1");
    let whole = form(&[("b", "one")]);
    let answer = sandbox.post("/files", FORM, whole[..whole.len() - 12].to_owned()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(sandbox.names("."), ["a", "folder"]);
    sandbox.post("/files", FORM, "--XX--\r\n").await.refused(400, "invalid_argument", "no part");
    let unnamed = "--XX\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--XX--\r\n";
    sandbox.post("/files", FORM, unnamed).await.refused(400, "invalid_argument", "no file name");
}

#[tokio::test]
async fn no_name_of_a_form_leads_out_of_the_folder_that_the_query_names() {
    let sandbox = Sandbox::new();
    sandbox.put("in/kept", "");
    for name in ["../out", "a/../../out", ".."] {
        let answer = sandbox.post("/files?path=in", FORM, form(&[(name, "one")])).await;
        assert_eq!(answer.status, 400, "{name}");
        let answer = sandbox.post("/files?path=new", FORM, form(&[("first", "one"), (name, "two")])).await;
        assert_eq!(answer.status, 400, "{name}");
    }
    sandbox.post("/files?path=in", FORM, form(&[("/etc/a", "one"), ("~/b", "two")])).await.ok();
    assert_eq!((sandbox.content("in/etc/a"), sandbox.content("in/~/b")), ("one".to_owned(), "two".to_owned()));
    assert!(!sandbox.path("out").exists());
}
