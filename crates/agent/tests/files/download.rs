use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use axum::body::Body;
use axum::http::{Request, header};
use nix::sys::stat::Mode;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn a_file_comes_as_its_bytes() {
    let sandbox = Sandbox::new();
    sandbox.put("a b/ü.bin", [0, 159, 146, 150]);
    for route in ["/file", "/files"] {
        let answer = sandbox.get(&format!("{route}?path=a%20b/%C3%BC.bin")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.as_ref(), [0, 159, 146, 150]);
        assert_eq!(answer.header("content-length"), "4");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
    }
}

#[tokio::test]
async fn a_large_file_comes_whole() {
    let sandbox = Sandbox::new();
    let content: Vec<u8> = (0..1_500_007_u32).map(|n| (n % 251) as u8).collect();
    sandbox.put("large", &content);
    let answer = sandbox.get("/file?path=large").await;
    assert_eq!(answer.header("content-length"), "1500007");
    assert!(answer.body == content);
}

#[tokio::test]
async fn an_empty_file_has_a_length_of_0() {
    let sandbox = Sandbox::new();
    sandbox.put("empty", "");
    let answer = sandbox.get("/file?path=empty").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, "0"));
}

#[tokio::test]
async fn a_file_whose_size_the_system_does_not_tell_is_read_to_its_end() {
    let answer = Sandbox::new().get("/files?path=/proc/self/status").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("Name:"));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
}

#[tokio::test]
async fn a_range_is_a_part_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.put("digits", "0123456789");
    for (range, part, place) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=5-100", "56789", "bytes 5-9/10"),
    ] {
        let answer = sandbox.get_range("/files?path=digits", range).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (206, part), "{range}");
        assert_eq!(answer.header("content-range"), place);
        assert_eq!(answer.header("content-length"), part.len().to_string());
    }
}

#[tokio::test]
async fn a_range_of_a_large_file_begins_where_it_should() {
    let sandbox = Sandbox::new();
    let content: Vec<u8> = (0..1_500_007_u32).map(|n| (n % 251) as u8).collect();
    sandbox.put("large", &content);
    let answer = sandbox.get_range("/files?path=large", "bytes=300000-1200000").await;
    assert!(answer.body == content[300_000..=1_200_000]);
}

#[tokio::test]
async fn a_range_beyond_the_end_is_416_with_the_size() {
    let sandbox = Sandbox::new();
    sandbox.put("digits", "0123456789");
    let answer = sandbox.get_range("/files?path=digits", "bytes=10-").await;
    answer.refused(416, "out_of_range", "10 bytes");
    assert_eq!(answer.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn several_ranges_are_answered_with_the_whole_file() {
    let sandbox = Sandbox::new();
    sandbox.put("digits", "0123456789");
    let answer = sandbox.get_range("/files?path=digits", "bytes=0-1,5-6").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "0123456789"));
}

#[tokio::test]
async fn a_range_of_an_older_version_is_answered_with_the_whole_file() {
    let sandbox = Sandbox::new();
    sandbox.put("file", "0123456789");
    let first = sandbox.get("/files?path=file").await;
    let resume = |version: &str| {
        Request::get("/files?path=file")
            .header(header::RANGE, "bytes=5-")
            .header(header::IF_RANGE, version)
            .body(Body::empty())
            .expect("a request")
    };
    let answer = sandbox.send(resume(first.header("etag"))).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (206, "56789"));
    let answer = sandbox.send(resume(first.header("last-modified"))).await;
    assert_eq!(answer.status, 206);
    sandbox.put("file", "another content");
    let answer = sandbox.send(resume(first.header("etag"))).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "another content"));
}

#[tokio::test]
async fn head_tells_the_size_and_no_more() {
    let sandbox = Sandbox::new();
    sandbox.put("digits", "0123456789");
    let answer = sandbox.send(Request::head("/files?path=digits").body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), "10");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"digits\""));
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn what_is_no_file_is_refused_by_its_path() {
    let sandbox = Sandbox::new();
    sandbox.put("folder/file", "");
    nix::unistd::mkfifo(&sandbox.path("pipe"), Mode::S_IRWXU).expect("a pipe");
    let _socket = UnixListener::bind(sandbox.path("socket")).expect("a socket");
    symlink("loop", sandbox.path("loop")).expect("a symlink");
    for route in ["/file", "/files", "/files/content"] {
        let get = async |path: &str| sandbox.get(&format!("{route}?path={path}")).await;
        get("missing").await.refused(404, "not_found", &sandbox.text("missing"));
        get("folder").await.refused(400, "invalid_argument", "is a directory");
        get("folder/file/x").await.refused(400, "invalid_argument", "is not a directory");
        for path in ["pipe", "socket", "/dev/zero"] {
            get(path).await.refused(400, "invalid_argument", "a pipe or a socket");
        }
        get("loop").await.refused(400, "invalid_argument", "leads back to itself");
        get("a%00b").await.refused(400, "invalid_argument", "NUL");
        get("").await.refused(400, "invalid_argument", "`path` is empty");
        get(&"n".repeat(256)).await.refused(400, "invalid_argument", "255 bytes");
        sandbox.get(route).await.refused(400, "invalid_argument", "`path` is missing");
    }
    assert!(fs::exists(sandbox.path("pipe")).expect("a folder"));
}
