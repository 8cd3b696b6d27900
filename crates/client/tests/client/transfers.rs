//! Whole directories: what a sandbox may say, and what never happens on this machine.

use std::fs;
use std::sync::Mutex;

use sandbar_client::{CallOptions, ClientError, DownloadCall, Runtime, SkipReason, TransferProgress, UploadCall};
use sandbar_protocol::{Envd, Secret};
use serde_json::{Value, json};

use crate::service::{Reply, Service};

const CALL: CallOptions = CallOptions::new();

async fn inside(script: Vec<Reply>) -> (Service, Runtime) {
    let service = Service::start(script).await;
    let envd = Envd { envd_url: Some(service.url()), envd_access_token: Some(Secret::new("tok-1")) };
    let runtime = service.client().runtime("sb-1", Some(envd)).unwrap();
    (service, runtime)
}

fn ignore(_: TransferProgress) {}

fn folder() -> Reply {
    Reply::json(200, &json!({"entry": {"name": "a", "type": "FILE_TYPE_DIRECTORY", "path": "/root/a"}}))
}

fn listing(entries: &[(&str, &str)]) -> Reply {
    let entry = |(kind, path): &(&str, &str)| json!({"type": format!("FILE_TYPE_{kind}"), "path": path, "mode": 0o644});
    Reply::json(200, &json!({"entries": entries.iter().map(entry).collect::<Vec<_>>()}))
}

fn content() -> Reply {
    Reply::text(200, "application/octet-stream", "evil")
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_left_out() {
    let hostile = [
        ("FILE", "/root/a/../../../etc/cron.d/x"),
        ("FILE", "/etc/passwd"),
        ("FILE", "/root/a/./x"),
        ("DIRECTORY", "/root/a/.."),
        ("FILE", "relative"),
        ("FILE", ""),
        ("FILE", "/root/a/b\u{0}c"),
    ];
    let (service, runtime) = inside(vec![folder(), listing(&hostile), content()]).await;
    let here = tempfile::tempdir().unwrap();
    let download = DownloadCall { remote: "a".to_owned(), local: here.path().join("deep/target") };
    let report = runtime.download(&download, &ignore, &CALL).await.unwrap();
    assert_eq!((report.files, report.skipped.len()), (0, hostile.len()));
    assert!(report.skipped.iter().all(|skipped| skipped.reason == SkipReason::Name));
    assert_eq!(service.seen().len(), 2, "nothing of them was asked for");
    let made: Vec<_> = fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made, ["deep"]);
    assert_eq!(fs::read_dir(here.path().join("deep/target")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_is_said_to_be_a_directory_too_is_an_error() {
    let entries = [("FILE", "/root/a/b"), ("FILE", "/root/a/b/c")];
    let (_service, runtime) = inside(vec![folder(), listing(&entries), content()]).await;
    let here = tempfile::tempdir().unwrap();
    let download = DownloadCall { remote: "a".to_owned(), local: here.path().to_owned() };
    let error = runtime.download(&download, &ignore, &CALL).await.unwrap_err();
    assert!(matches!(error, ClientError::LocalFile { .. }), "{error}");
}

#[tokio::test]
async fn a_download_that_breaks_off_leaves_the_old_file_and_no_other() {
    let gone = Reply::json(500, &json!({"code": "internal", "message": "the disk is broken"}));
    let (_service, runtime) = inside(vec![folder(), listing(&[("FILE", "/root/a/b")]), gone]).await;
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("b"), "old").unwrap();
    let download = DownloadCall { remote: "a".to_owned(), local: here.path().to_owned() };
    let once = CallOptions::once();
    runtime.download(&download, &ignore, &once).await.unwrap_err();
    assert_eq!(fs::read_to_string(here.path().join("b")).unwrap(), "old");
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_went_away_meanwhile_is_told() {
    let missing = Reply::json(404, &json!({"code": "not_found", "message": "there is no /root/a/b"}));
    let (_service, runtime) = inside(vec![folder(), listing(&[("FILE", "/root/a/b")]), missing]).await;
    let here = tempfile::tempdir().unwrap();
    let download = DownloadCall { remote: "a".to_owned(), local: here.path().to_owned() };
    let report = runtime.download(&download, &ignore, &CALL).await.unwrap();
    assert_eq!((report.skipped[0].path.as_str(), report.skipped[0].reason), ("b", SkipReason::Gone));
}

#[tokio::test]
async fn an_upload_tells_its_beginning_and_its_end() {
    let answer = json!({"files": [{"path": "/root/a/x"}, {"path": "/root/a/y"}]});
    let (service, runtime) = inside(vec![Reply::json(200, &answer)]).await;
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("x"), "1").unwrap();
    fs::write(here.path().join("y"), "22").unwrap();
    fs::write(here.path().join("z.log"), "333").unwrap();
    let told = Mutex::new(Vec::new());
    let upload = UploadCall::new(here.path(), "a/").without(&["*.log"]);
    let report = runtime.upload(&upload, &|progress| told.lock().unwrap().push(progress), &CALL).await.unwrap();
    assert_eq!((report.files, report.bytes), (2, 3));
    let told = told.into_inner().unwrap();
    assert_eq!((told[0].files, told[0].total_files, told[0].total_bytes), (0, Some(2), Some(3)));
    let last = told.last().unwrap();
    assert_eq!((last.files, last.bytes), (2, 3));
    let paths: Vec<Value> =
        service.only().json()["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, ["a/x", "a/y"]);
}

#[tokio::test]
async fn a_file_of_this_machine_that_is_not_there_is_named() {
    let (service, runtime) = inside(vec![content()]).await;
    let error = runtime.upload(&UploadCall::new("/no/such/file", "a"), &ignore, &CALL).await.unwrap_err();
    assert!(error.to_string().starts_with("can't read /no/such/file: "), "{error}");
    assert!(service.seen().is_empty());
}
