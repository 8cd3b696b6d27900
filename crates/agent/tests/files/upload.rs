use std::convert::Infallible;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use nix::sys::stat::Mode;
use serde_json::json;

use crate::sandbox::Sandbox;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

/// A body that breaks off after `content`.
fn broken(content: Bytes) -> Body {
    let pieces = [Ok(content), Err(io::Error::other("the connection is gone"))];
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn bytes_are_written_with_the_folders_above_them() {
    let sandbox = Sandbox::new();
    let answer = sandbox.post_bytes("/file?path=a/b/c.txt", "hello").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(sandbox.content("a/b/c.txt"), "hello");
    assert_eq!(sandbox.mode("a/b/c.txt"), 0o644);
    assert_eq!(sandbox.names("a/b"), ["c.txt"]);
}

#[tokio::test]
async fn an_upload_answers_with_what_it_wrote() {
    let sandbox = Sandbox::new();
    let answer = sandbox.post_bytes("/files?path=a.txt", "hello").await;
    assert_eq!(answer.ok(), json!([{ "path": sandbox.text("a.txt"), "name": "a.txt", "type": "file" }]));
    assert_eq!(sandbox.content("a.txt"), "hello");
}

#[tokio::test]
async fn a_large_body_of_many_pieces_is_written_in_order() {
    let sandbox = Sandbox::new();
    let pieces: Vec<_> = (0..3000_u32).map(|n| Bytes::from(format!("{n:>400}"))).collect();
    let whole = pieces.concat();
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    assert_eq!(sandbox.post_bytes("/file?path=large", body).await.status, 204);
    assert!(fs::read(sandbox.path("large")).expect("a file") == whole);
}

#[tokio::test]
async fn a_json_body_without_a_path_in_the_query_describes_the_file() {
    let sandbox = Sandbox::new();
    let answer =
        sandbox.post_json("/file", &json!({ "path": "a", "content": "text", "data": null, "mode": null })).await;
    assert_eq!(answer.status, 204);
    assert_eq!(sandbox.content("a"), "text");
    let answer = sandbox.post_json("/files", &json!({ "path": "b", "data": "aGVsbG8=", "mode": 0o750 })).await;
    assert_eq!(answer.ok()[0]["path"], sandbox.text("b"));
    assert_eq!((sandbox.content("b").as_str(), sandbox.mode("b")), ("hello", 0o750));
    // Neither is an empty file: some clients leave an empty text out.
    assert_eq!(sandbox.post_json("/file", &json!({ "path": "c" })).await.status, 204);
    assert_eq!(sandbox.content("c"), "");
}

#[tokio::test]
async fn a_json_body_is_the_content_of_the_file_that_the_query_names() {
    let sandbox = Sandbox::new();
    let body = json!({ "path": "elsewhere", "content": "x" });
    assert_eq!(sandbox.post_json("/file?path=config.json", &body).await.status, 204);
    assert_eq!(sandbox.content("config.json"), body.to_string());
    assert_eq!(sandbox.names("."), ["config.json"]);
}

#[tokio::test]
async fn a_compressed_body_is_unpacked() {
    let sandbox = Sandbox::new();
    let content = "text ".repeat(200_000);
    for (uri, kind) in [("/file?path=a", "application/octet-stream"), ("/files?path=b", "application/octet-stream")] {
        let request = Request::post(uri).header(header::CONTENT_TYPE, kind).header(header::CONTENT_ENCODING, "gzip");
        let answer = sandbox.send(request.body(Body::from(gzip(content.as_bytes()))).expect("a request")).await;
        assert!(answer.status.is_success(), "{:?}", answer.body);
    }
    assert!(sandbox.content("a") == content && sandbox.content("b") == content);
}

#[tokio::test]
async fn content_encoding_is_read_as_rfc_9110_has_it() {
    let sandbox = Sandbox::new();
    let gzipped = ["GZIP", "x-gzip", "X-GZip", "gzip, identity", "identity , Gzip", "identity,,gzip"];
    for encodings in gzipped.map(|encoding| vec![encoding]).into_iter().chain([vec!["identity", "gzip"]]) {
        let mut request = Request::post("/file?path=a");
        for encoding in &encodings {
            request = request.header(header::CONTENT_ENCODING, *encoding);
        }
        let answer = sandbox.send(request.body(Body::from(gzip(b"text"))).expect("a request")).await;
        assert_eq!(answer.status, 204, "{encodings:?}: {:?}", answer.body);
        assert_eq!(sandbox.content("a"), "text", "{encodings:?}");
    }
    for encoding in ["Identity", "identity, identity", ""] {
        let request = Request::post("/file?path=b").header(header::CONTENT_ENCODING, encoding);
        assert_eq!(sandbox.send(request.body(Body::from("plain")).expect("a request")).await.status, 204);
        assert_eq!(sandbox.content("b"), "plain", "{encoding:?}");
    }
    for encoding in ["gzip, br", "gzip, gzip", "deflate", "gzipped"] {
        let request = Request::post("/file?path=c").header(header::CONTENT_ENCODING, encoding);
        let answer = sandbox.send(request.body(Body::from(gzip(b"text"))).expect("a request")).await;
        answer.refused(415, "unimplemented", encoding);
    }
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_more_than_may_be_read_as_a_whole_is_refused() {
    let sandbox = Sandbox::new();
    let bomb = gzip(format!("{{\"path\":\"a\",\"content\":\"{}\"}}", " ".repeat(40 * 1024 * 1024)).as_bytes());
    let request = Request::post("/file").header(header::CONTENT_TYPE, "application/json");
    let request = request.header(header::CONTENT_ENCODING, "gzip").body(Body::from(bomb)).expect("a request");
    sandbox.send(request).await.refused(400, "invalid_argument", "more than");
    assert!(sandbox.names(".").is_empty());
}

#[tokio::test]
async fn a_broken_or_unknown_compression_is_refused() {
    let sandbox = Sandbox::new();
    let request = |encoding: &str, body: Vec<u8>| {
        Request::post("/file?path=a")
            .header(header::CONTENT_ENCODING, encoding)
            .body(Body::from(body))
            .expect("a request")
    };
    sandbox.send(request("br", vec![1])).await.refused(415, "unimplemented", "gzip");
    sandbox.send(request("gzip", b"no gzip".to_vec())).await.refused(400, "invalid_argument", "broke off");
    let mut cut = gzip(&[7; 100_000]);
    cut.truncate(cut.len() - 10);
    sandbox.send(request("gzip", cut)).await.refused(400, "invalid_argument", "broke off");
    assert!(sandbox.names(".").is_empty());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_old_file_and_no_other() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "old");
    for size in [10, 1_000_000] {
        let answer = sandbox.post_bytes("/file?path=a", broken(Bytes::from(vec![b'x'; size]))).await;
        answer.refused(400, "invalid_argument", "broke off");
        assert_eq!((sandbox.content("a").as_str(), sandbox.names(".")), ("old", vec!["a".to_owned()]));
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_old_file_and_no_other() {
    let sandbox = Sandbox::new();
    sandbox.put("a", "old");
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
    let body =
        Body::from_stream(stream::unfold(
            receiver,
            |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
        ));
    {
        let upload = sandbox.post_bytes("/file?path=a", body);
        tokio::pin!(upload);
        let begun = async {
            sender.send(Ok(Bytes::from(vec![b'x'; 1_000_000]))).await.expect("a reader");
            while sandbox.names(".").len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = &mut upload => panic!("it ended: {:?}", answer.body),
            () = begun => {}
        }
    }
    while sandbox.names(".").len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sandbox.content("a"), "old");
}

#[tokio::test]
async fn a_file_that_is_replaced_keeps_its_mode_unless_another_is_given() {
    let sandbox = Sandbox::new();
    sandbox.put("run.sh", "old");
    fs::set_permissions(sandbox.path("run.sh"), fs::Permissions::from_mode(0o750)).expect("a mode");
    assert_eq!(sandbox.post_bytes("/file?path=run.sh", "new").await.status, 204);
    assert_eq!((sandbox.content("run.sh").as_str(), sandbox.mode("run.sh")), ("new", 0o750));
    let answer = sandbox.post_json("/file", &json!({ "path": "run.sh", "content": "", "mode": 0o600 })).await;
    assert_eq!((answer.status.as_u16(), sandbox.mode("run.sh")), (204, 0o600));
    assert_eq!(sandbox.post_bytes("/files?path=run.sh&mode=488", "x").await.status, 200);
    assert_eq!(sandbox.mode("run.sh"), 0o750);
    sandbox.post_bytes("/files?path=run.sh&mode=4096", "x").await.refused(400, "invalid_argument", "`mode`");
    let answer = sandbox.post_json("/file", &json!({ "path": "run.sh", "mode": 4096 })).await;
    answer.refused(400, "invalid_argument", "`mode`");
}

#[tokio::test]
async fn a_symlink_stays_and_the_file_behind_it_is_written() {
    let sandbox = Sandbox::new();
    sandbox.put("real/file", "old");
    symlink("real/file", sandbox.path("link")).expect("a symlink");
    symlink("real/new", sandbox.path("dangling")).expect("a symlink");
    assert_eq!(sandbox.post_bytes("/file?path=link", "one").await.status, 204);
    assert_eq!(sandbox.post_bytes("/file?path=dangling", "two").await.status, 204);
    assert!(sandbox.path("link").is_symlink() && sandbox.path("dangling").is_symlink());
    assert_eq!((sandbox.content("real/file"), sandbox.content("real/new")), ("one".to_owned(), "two".to_owned()));
}

#[tokio::test]
async fn what_can_not_be_a_file_is_refused_by_its_path() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/file", "");
    symlink("loop", sandbox.path("loop")).expect("a symlink");
    nix::unistd::mkfifo(&sandbox.path("pipe"), Mode::S_IRWXU).expect("a pipe");
    let write = async |path: &str| sandbox.post_bytes(&format!("/file?path={path}"), "x").await;
    write("folder").await.refused(400, "invalid_argument", &sandbox.text("folder"));
    write("folder/file/x").await.refused(400, "invalid_argument", "is not a directory");
    write("loop").await.refused(400, "invalid_argument", "leads back to itself");
    write("/dev/full").await.refused(507, "resource_exhausted", "/dev/full");
    write("pipe").await.refused(400, "invalid_argument", "is a pipe");
    write("/proc/nothing").await.refused(404, "not_found", "/proc/nothing");
    write(&"n".repeat(256)).await.refused(400, "invalid_argument", "255 bytes");
    assert_eq!(write(&"n".repeat(255)).await.status, 204);
    assert_eq!(sandbox.names("."), ["folder", "loop", &"n".repeat(255), "pipe"]);
}

#[tokio::test]
async fn a_refused_body_is_heard_to_its_end() {
    let sandbox = Sandbox::new();
    for uri in ["/file?path=.", "/file?path=/dev/full", "/file?path=a&username=bob", "/files/batch"] {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
        let body = stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
        let client = async move {
            for _ in 0..40 {
                sender.send(Ok(Bytes::from(vec![b'x'; 1024 * 1024]))).await.expect("a reader");
            }
        };
        let (answer, ()) = tokio::join!(sandbox.post_bytes(uri, Body::from_stream(body)), client);
        assert!(answer.status.is_client_error() || answer.status == 507, "{uri}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_refused_body_that_has_no_end_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(vec![b'x'; 1024 * 1024])));
    let answer = sandbox.post_bytes("/file?path=.", Body::from_stream(endless)).await;
    answer.refused(400, "invalid_argument", "is a directory");
}

#[tokio::test]
async fn of_writes_at_once_one_is_left_whole() {
    let sandbox = Sandbox::new();
    let contents: Vec<_> = (0..8_u8).map(|n| vec![b'a' + n; 400_000]).collect();
    let writes = contents.iter().map(|content| sandbox.post_bytes("/file?path=a", content.clone()));
    for answer in futures_util::future::join_all(writes).await {
        assert_eq!(answer.status, 204);
    }
    assert!(contents.contains(&sandbox.content("a").into_bytes()));
    assert_eq!(sandbox.names("."), ["a"]);
}

#[tokio::test]
async fn a_device_is_written_to_and_stays() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.post_bytes("/file?path=/dev/null", "x").await.status, 204);
    assert!(!fs::metadata("/dev/null").expect("a device").is_file());
}

#[tokio::test]
async fn json_that_describes_no_file_says_what_is_wrong() {
    let sandbox = Sandbox::new();
    let write = async |body| sandbox.post_json("/file", &body).await;
    write(json!({ "content": "x" })).await.refused(400, "invalid_argument", "`path`");
    write(json!({ "path": "a", "data": "!" })).await.refused(400, "invalid_argument", &sandbox.text("a"));
    write(json!({ "path": "a", "data": "", "content": "" })).await.refused(400, "invalid_argument", "one of them");
    let broken = b"{\"path\":\"a\",\"content\":\"\xff\"}".to_vec();
    sandbox.post("/file", "application/json", broken).await.refused(400, "invalid_argument", "base64");
    assert!(sandbox.names(".").is_empty());
}
