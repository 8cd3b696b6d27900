use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use serde_json::json;

use crate::sandbox::Sandbox;

const FORM: &str = "multipart/form-data; boundary=XX";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

/// Parts of a form, each a file name and a content.
fn form(parts: &[(&str, &str)]) -> String {
    let part = |(name, content): &(&str, &str)| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
    };
    format!("{}--XX--\r\n", parts.iter().map(part).collect::<String>())
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
    let write = async |path: &str| sandbox.post_bytes(&format!("/file?path={path}"), "x").await;
    write("folder").await.refused(400, "invalid_argument", &sandbox.text("folder"));
    write("folder/file/x").await.refused(400, "invalid_argument", "is not a directory");
    write("loop").await.refused(400, "invalid_argument", "leads back to itself");
    write("/dev/full").await.refused(507, "resource_exhausted", "/dev/full");
    write("/proc/nothing").await.refused(404, "not_found", "/proc/nothing");
    write(&"n".repeat(256)).await.refused(400, "invalid_argument", "255 bytes");
    assert_eq!(write(&"n".repeat(255)).await.status, 204);
    assert_eq!(sandbox.names("."), ["folder", "loop", &"n".repeat(255)]);
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

#[tokio::test]
async fn a_batch_writes_many_files() {
    let sandbox = Sandbox::new();
    let files: Vec<_> =
        (0..2000).map(|n| json!({ "path": format!("d{}/f{n}", n % 10), "content": n.to_string() })).collect();
    let answer = sandbox.post_json("/files/batch", &json!({ "files": files })).await.ok();
    assert_eq!(answer["files"][1999], json!({ "path": sandbox.text("d9/f1999"), "bytes_written": 4 }));
    assert_eq!(sandbox.content("d3/f1003"), "1003");
    assert_eq!(sandbox.names("d0").len(), 200);
}

#[tokio::test]
async fn a_batch_that_fails_says_where_and_how_many_were_written() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/x", "");
    let files =
        json!([{ "path": "a", "data": "aGk" }, { "path": "folder", "content": "x" }, { "path": "b", "content": "" }]);
    let answer = sandbox.post_json("/files/batch", &json!({ "files": files })).await;
    answer.refused(400, "invalid_argument", &sandbox.text("folder"));
    answer.refused(400, "invalid_argument", "file 2 of 3; written before it: 1");
    assert_eq!((sandbox.content("a").as_str(), sandbox.names(".").len()), ("hi", 2));
}

#[tokio::test]
async fn files_are_composed_in_order_and_stay() {
    let sandbox = Sandbox::new();
    sandbox.put("1", "one ");
    sandbox.put("2", "two ");
    let request = json!({ "source_paths": ["2", "1", "2"], "destination": "deep/all" });
    let answer = sandbox.post_json("/files/compose", &request).await;
    assert_eq!(answer.ok(), json!({ "path": sandbox.text("deep/all"), "name": "all", "type": "file" }));
    assert_eq!(sandbox.content("deep/all"), "two one two ");
    assert_eq!(sandbox.names("."), ["1", "2", "deep"]);
}

#[tokio::test]
async fn a_file_may_be_composed_of_itself() {
    let sandbox = Sandbox::new();
    sandbox.put("log", "old ");
    sandbox.put("more", "new");
    let request = json!({ "source_paths": ["log", "more"], "destination": "log" });
    sandbox.post_json("/files/compose", &request).await.ok();
    assert_eq!(sandbox.content("log"), "old new");
}

#[tokio::test]
async fn a_source_that_is_missing_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.put("1", "one");
    sandbox.put("all", "old");
    let compose = async |body| sandbox.post_json("/files/compose", &body).await;
    let answer = compose(json!({ "source_paths": ["1", "missing"], "destination": "all" })).await;
    answer.refused(404, "not_found", &sandbox.text("missing"));
    let answer = compose(json!({ "source_paths": [], "destination": "all" })).await;
    answer.refused(400, "invalid_argument", "`source_paths` is empty");
    let answer = compose(json!({ "source_paths": ["1"], "destination": "" })).await;
    answer.refused(400, "invalid_argument", "`destination` is empty");
    assert_eq!((sandbox.content("all").as_str(), sandbox.names(".").len()), ("old", 2));
}

#[tokio::test]
async fn a_large_file_is_composed_in_steps() {
    let sandbox = Sandbox::new();
    let hole = File::create(sandbox.path("hole")).expect("a file");
    hole.set_len(150 * 1024 * 1024).expect("a hole");
    sandbox.put("end", "end");
    let request = json!({ "source_paths": ["hole", "end"], "destination": "all" });
    sandbox.post_json("/files/compose", &request).await.ok();
    assert_eq!(fs::metadata(sandbox.path("all")).expect("a file").len(), 150 * 1024 * 1024 + 3);
    let answer = sandbox.get_range("/files?path=all", "bytes=-4").await;
    assert_eq!(answer.body.as_ref(), b"\0end");
}
