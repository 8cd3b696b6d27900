//! Calls about a sandbox's files: what is sent, how often, and what becomes of the answers.

use std::time::Duration;

use sandbar_client::{
    Args, CallOptions, ClientError, EntryKind, ErrorRecord, NewFile, ReadCall, Runtime, UrlAccess, UrlCall, WatchCall,
    WriteCall,
};
use sandbar_protocol::{Envd, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

/// The runtime of a sandbox whose service knows nothing, so that nobody asks it.
async fn inside(script: Vec<Reply>) -> (Service, Runtime) {
    let service = Service::start(script).await;
    let envd =
        Envd { envd_url: Some(format!("{}/envd/sb-1", service.url())), envd_access_token: Some(Secret::new("tok-1")) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    (service, runtime)
}

fn entry(kind: &str) -> Reply {
    Reply::json(200, &json!({"entry": {"name": "a", "type": kind, "path": "/root/a", "size": "12", "later": true}}))
}

fn missing() -> Reply {
    Reply::json(404, &json!({"code": "not_found", "message": "there is no /root/a"}))
}

fn written(path: &str) -> Reply {
    Reply::json(200, &json!([{"path": path, "name": "a", "type": "file"}]))
}

fn frames(messages: &[Value]) -> String {
    let end = [(2, json!({}))];
    let all = messages.iter().map(|message| (0, message.clone())).chain(end);
    let frame = |(flags, message): (u8, Value)| {
        let text = message.to_string();
        let [a, b, c, d] = u32::try_from(text.len()).unwrap().to_be_bytes();
        [flags, a, b, c, d].map(char::from).iter().collect::<String>() + &text
    };
    all.map(frame).collect()
}

fn read(path: &str) -> ReadCall {
    ReadCall { path: path.to_owned(), ..ReadCall::default() }
}

#[tokio::test]
async fn an_entry_is_read_whatever_else_it_says() {
    let (service, runtime) = inside(vec![entry("FILE_TYPE_LATER")]).await;
    let entry = runtime.stat("a", &CALL).await.unwrap();
    assert_eq!((entry.kind, entry.size, entry.modified_time), (EntryKind::Other, 12, None));
    let seen = service.only();
    assert_eq!(seen.line(), "POST /envd/sb-1/filesystem.Filesystem/Stat");
    assert_eq!(seen.json(), json!({"path": "a"}));
}

#[tokio::test]
async fn only_a_missing_path_does_not_exist() {
    let gone = Reply::json(404, &json!({"code": "sandbox_not_found", "message": "there is no such sandbox"}));
    let (_service, runtime) = inside(vec![entry("FILE_TYPE_FILE"), missing(), gone]).await;
    assert!(runtime.exists("a", &CALL).await.unwrap());
    assert!(!runtime.exists("a", &CALL).await.unwrap());
    assert!(matches!(runtime.exists("a", &CALL).await, Err(ClientError::NotRunning(_))));
}

#[tokio::test]
async fn a_directory_that_is_there_was_not_made_and_a_file_in_the_way_is_an_error() {
    let exists = || Reply::json(409, &json!({"code": "already_exists", "message": "/root/a exists already"}));
    let script =
        vec![Reply::json(200, &json!({})), exists(), entry("FILE_TYPE_DIRECTORY"), exists(), entry("FILE_TYPE_FILE")];
    let (service, runtime) = inside(script).await;
    assert!(runtime.make_dir("a", &CALL).await.unwrap());
    assert_eq!(service.seen().len(), 1, "one that is made needs no look");
    assert!(!runtime.make_dir("a", &CALL).await.unwrap());
    let error = runtime.make_dir("a", &CALL).await.unwrap_err();
    assert_eq!(error.to_string(), "/root/a exists already");
}

#[tokio::test]
async fn a_removal_whose_answer_was_lost_is_done() {
    let (_service, runtime) = inside(vec![Reply::empty(502), missing()]).await;
    runtime.remove("a", &CALL).await.unwrap();
    let (_service, runtime) = inside(vec![missing()]).await;
    assert!(matches!(runtime.remove("a", &CALL).await, Err(ClientError::Api(error)) if error.status == 404));
}

#[tokio::test]
async fn moves_and_edits_are_not_done_twice_and_reads_and_writes_are_tried_again() {
    let (service, runtime) = inside(vec![Reply::empty(502)]).await;
    runtime.rename("a", "b", &CALL).await.unwrap_err();
    runtime.edit("a", "x", "y", &CALL).await.unwrap_err();
    let posts = service.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posts, 2, "what else is sent looks whether the sandbox has ended");
    let (service, runtime) = inside(vec![Reply::empty(502), written("/root/a")]).await;
    let write = WriteCall { path: "a".to_owned(), ..WriteCall::default() };
    let info = runtime.write_file(write, b"hi".to_vec(), &CALL).await.unwrap();
    assert_eq!((info.path.as_str(), info.bytes_written), ("/root/a", 2));
    let lines: Vec<_> = service.seen().iter().map(|seen| (seen.line(), seen.body.clone())).collect();
    let expected = ("POST /envd/sb-1/files?path=a".to_owned(), "hi".to_owned());
    assert_eq!(lines, [expected.clone(), expected]);
    let (_service, runtime) = inside(vec![Reply::empty(502), Reply::text(200, "application/octet-stream", "hi")]).await;
    assert_eq!(runtime.read_text(&read("a"), &CALL).await.unwrap(), "hi");
}

#[tokio::test]
async fn a_part_is_asked_for_as_a_range_and_nothing_else_is_taken() {
    let part = Reply::text(206, "application/octet-stream", "345");
    let whole = Reply::text(200, "application/octet-stream", "0123456789");
    let (service, runtime) = inside(vec![part, whole]).await;
    let wanted = ReadCall { offset: 3, length: Some(3), ..read("a") };
    assert_eq!(runtime.read_text(&wanted, &CALL).await.unwrap(), "345");
    assert_eq!(service.only().header("range"), "bytes=3-5");
    assert!(matches!(runtime.read_text(&wanted, &CALL).await, Err(ClientError::InvalidAnswer { .. })));
}

#[tokio::test]
async fn after_its_end_a_file_has_nothing() {
    let beyond = Reply::json(416, &json!({"code": "out_of_range", "message": "/root/a has 2 bytes"}));
    let (service, runtime) = inside(vec![beyond, Reply::empty(200)]).await;
    assert_eq!(runtime.read_text(&ReadCall { offset: 5, ..read("a") }, &CALL).await.unwrap(), "");
    let lines: Vec<_> = service.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["GET /envd/sb-1/files?path=a", "HEAD /envd/sb-1/files?path=a"]);
}

#[tokio::test]
async fn small_files_share_a_request_and_keep_their_order() {
    let answer = json!({"files": [{"path": "/root/a", "bytes_written": 1}, {"path": "/root/b", "bytes_written": 2}]});
    let (service, runtime) = inside(vec![Reply::json(200, &answer)]).await;
    let file = |path: &str, data: &str| NewFile { path: path.to_owned(), mode: Some(0o600), data: data.into() };
    let infos = runtime.write_files(vec![file("a", "1"), file("b", "22")], &CALL).await.unwrap();
    let paths: Vec<_> = infos.iter().map(|info| (info.path.as_str(), info.bytes_written)).collect();
    assert_eq!(paths, [("/root/a", 1), ("/root/b", 2)]);
    let sent = service.only().json();
    assert_eq!(sent["files"][1], json!({"path": "b", "mode": 0o600, "data": "MjI="}));
}

#[tokio::test]
async fn what_is_streamed_and_turns_out_small_is_repeated_like_any_other() {
    let (service, runtime) = inside(vec![Reply::empty(502), written("/root/a")]).await;
    let (writer, upload) = runtime.upload_file(WriteCall { path: "a".to_owned(), ..WriteCall::default() }, &CALL);
    let feed = async {
        assert!(writer.write("one ").await && writer.write("").await && writer.write("two").await);
        writer.finish().await;
    };
    let (info, ()) = tokio::join!(upload, feed);
    assert_eq!(info.unwrap().bytes_written, 7);
    assert_eq!(service.seen()[1].body, "one two");
}

#[tokio::test]
async fn a_large_stream_makes_sure_of_its_token_and_is_sent_once() {
    let (service, runtime) = inside(vec![entry("FILE_TYPE_DIRECTORY"), written("/root/a")]).await;
    let write = WriteCall { path: "a".to_owned(), mode: Some(0o640), size: None };
    let (writer, upload) = runtime.upload_file(write, &CALL);
    let feed = async {
        for _ in 0..3 {
            writer.write("x".repeat(1024 * 1024)).await;
        }
        writer.finish().await;
    };
    let (info, ()) = tokio::join!(upload, feed);
    assert_eq!(info.unwrap().bytes_written, 3 * 1024 * 1024);
    let lines: Vec<_> = service.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, ["POST /envd/sb-1/filesystem.Filesystem/Stat", "POST /envd/sb-1/files?path=a&mode=416"]);
    assert_eq!(service.seen()[1].body.len(), 3 * 1024 * 1024);
}

#[tokio::test]
async fn a_source_that_breaks_off_is_no_file() {
    let (service, runtime) = inside(vec![written("/root/a")]).await;
    let (writer, upload) = runtime.upload_file(WriteCall { path: "a".to_owned(), ..WriteCall::default() }, &CALL);
    writer.write("half").await;
    drop(writer);
    assert!(matches!(upload.await, Err(ClientError::Transport { .. })));
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn an_upload_that_is_not_taken_ends_when_patience_does() {
    let (_service, runtime) = inside(vec![entry("FILE_TYPE_DIRECTORY"), Reply::Never]).await;
    let call = CallOptions { request_timeout: Some(Duration::from_millis(200)), ..CALL };
    let (writer, upload) = runtime.upload_file(WriteCall { path: "a".to_owned(), ..WriteCall::default() }, &call);
    let feed = async {
        for _ in 0..2 {
            writer.write("x".repeat(1024 * 1024)).await;
        }
        writer.finish().await;
    };
    let (outcome, ()) = tokio::join!(upload, feed);
    let error = outcome.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).name, "RequestTimeoutError");
    assert!(error.to_string().contains("took no more of what is sent within 0.2 s"), "{error}");
}

#[tokio::test]
async fn a_watch_tells_what_it_knows_and_leaves_the_rest_out() {
    let event = |kind: &str| json!({"filesystem": {"name": "a", "type": kind}});
    let all = [json!({"start": {}}), json!({"keepalive": {}}), event("EVENT_TYPE_LATER"), event("EVENT_TYPE_WRITE")];
    let (_service, runtime) = inside(vec![Reply::text(200, "application/connect+json", &frames(&all))]).await;
    let watch = WatchCall { path: "a".to_owned(), recursive: true, limit: None };
    let mut watch = runtime.watch_dir(&watch, &CALL).await.unwrap();
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), json!({"name": "a", "type": "write"}));
    assert_eq!(watch.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_signed_url_is_made_of_the_newest_token() {
    let refused = Reply::json(401, &json!({"code": "unauthenticated", "message": "the access token is wrong"}));
    let runtime_there = Service::start(vec![refused, entry("FILE_TYPE_DIRECTORY")]).await;
    let url = format!("{}/envd/sb-1", runtime_there.url());
    let detail = json!({"sandboxID": "sb-1", "state": "running", "envdUrl": url, "envdAccessToken": "tok-2"});
    let service = Service::start(vec![Reply::json(200, &detail)]).await;
    let envd = Envd { envd_url: Some(url.clone()), envd_access_token: Some(Secret::new("tok-1")) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    let call = UrlCall { path: Some("a".to_owned()), ..UrlCall::default() };
    let signed = runtime.signed_url(&call, UrlAccess::Read, &CALL).await.unwrap();
    assert!(signed.starts_with(&format!("{url}/files?path=a&signature=v1_")), "{signed}");
    assert_eq!(signed, runtime.signed_url(&call, UrlAccess::Read, &CALL).await.unwrap());
    assert_ne!(signed, runtime.signed_url(&call, UrlAccess::Write, &CALL).await.unwrap());
    assert!(!signed.contains("tok-"), "{signed}");
}

#[test]
fn wrong_arguments_name_their_field() {
    let field = |args: Value, read: fn(&Args) -> Option<sandbar_protocol::ValidationError>| {
        read(&Args::parse(&args.to_string()).unwrap()).map(|error| error.field)
    };
    assert_eq!(field(json!({"path": "a\u{0}"}), |args| args.file().err()).as_deref(), Some("path"));
    assert_eq!(
        field(json!({"path": "a", "options": {"depth": 0}}), |args| args.list_dir().err()).as_deref(),
        Some("depth")
    );
    assert_eq!(field(json!({"oldPath": "a"}), |args| args.rename_file().err()).as_deref(), Some("newPath"));
    assert_eq!(
        field(json!({"path": "a", "oldText": "", "newText": ""}), |args| args.edit_file().err()).as_deref(),
        Some("oldText")
    );
    assert_eq!(field(json!({"port": 0}), |args| args.port().err()).as_deref(), Some("port"));
    assert_eq!(field(json!({"port": 80, "path": "/a/%2e%2e/b"}), |args| args.program().err()).as_deref(), Some("path"));
}

#[tokio::test]
async fn a_refusal_that_comes_early_ends_an_upload_without_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut taken = vec![0; 64 * 1024];
        // The first request only makes sure of the token.
        let refusal = r#"{"code":"invalid_argument","message":"/root/a is a directory"}"#;
        let mut answers = [("200 OK", r#"{"entry":{}}"#), ("400 Bad Request", refusal)].into_iter();
        while stream.read(&mut taken).await.is_ok_and(|read| read > 0) {
            if let Some((status, body)) = answers.next() {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        }
    });
    let service = Service::start(vec![]).await;
    let envd = Envd { envd_url: Some(url), envd_access_token: Some(Secret::new("tok-1")) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    let (writer, upload) = runtime.upload_file(WriteCall { path: "a".to_owned(), ..WriteCall::default() }, &CALL);
    let endless = async move { while writer.write("x".repeat(256 * 1024)).await {} };
    let (outcome, ()) = tokio::join!(upload, endless);
    assert_eq!(outcome.unwrap_err().to_string(), "/root/a is a directory");
}
