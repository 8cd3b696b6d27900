//! Whole directories: what a sandbox may say, and what never happens on this machine.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
    set_modes(here.path(), &[(".", 0o755)]);
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

fn file_entry() -> Reply {
    Reply::json(200, &json!({"entry": {"type": "FILE_TYPE_FILE", "path": "/root/a", "mode": 0o640, "size": 4}}))
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn set_modes(folder: &Path, modes: &[(&str, u32)]) {
    for (name, mode) in modes {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(*mode)).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Waits until somebody has a pipe open for reading: only then it can be opened for writing without a wait.
async fn is_read(pipe: &Path) {
    while tokio::net::unix::pipe::OpenOptions::new().open_sender(pipe).is_err() {
        tokio::task::yield_now().await;
    }
}

/// Downloads the one file of a runtime to a place of this machine.
async fn download_to(local: &Path) -> Result<(), ClientError> {
    let (_service, runtime) = inside(vec![file_entry(), content()]).await;
    let download = DownloadCall { remote: "a".to_owned(), local: local.to_owned() };
    runtime.download(&download, &ignore, &CALL).await.map(drop)
}

#[tokio::test]
async fn a_pipe_is_uploaded_to_its_end() {
    let (service, runtime) = inside(vec![Reply::json(200, &json!([{"path": "/root/a"}]))]).await;
    let here = tempfile::tempdir().unwrap();
    let pipe = here.path().join("pipe");
    make_pipe(&pipe);
    let text = "piped".repeat(50_000);
    let writer = std::thread::spawn({
        let (pipe, text) = (pipe.clone(), text.clone());
        move || fs::write(pipe, text)
    });
    let report = runtime.upload(&UploadCall::new(&pipe, "a"), &ignore, &CALL).await.unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!((report.files, report.bytes), (1, text.len() as u64));
    assert_eq!(service.only().body, text);
}

#[tokio::test]
async fn a_file_that_says_it_is_empty_is_read_to_its_end() {
    let source = Path::new("/proc/self/status");
    assert_eq!(fs::metadata(source).unwrap().len(), 0);
    let (service, runtime) = inside(vec![Reply::json(200, &json!({"files": []}))]).await;
    let report = runtime.upload(&UploadCall::new(source, "a"), &ignore, &CALL).await.unwrap();
    assert!(report.bytes > 100, "{report:?}");
    let sent = service.only().json()["files"][0].clone();
    assert!(STANDARD.decode(sent["data"].as_str().unwrap()).unwrap().starts_with(b"Name:"));
}

#[tokio::test]
async fn an_upload_of_a_pipe_that_nobody_writes_to_can_be_given_up() {
    let (service, runtime) = inside(vec![content()]).await;
    let here = tempfile::tempdir().unwrap();
    let pipe = here.path().join("pipe");
    make_pipe(&pipe);
    let upload = UploadCall::new(&pipe, "a");
    tokio::select! {
        outcome = async { runtime.upload(&upload, &ignore, &CALL).await } => panic!("{outcome:?}"),
        // Whoever opens it now does not wait: the upload has it open.
        () = is_read(&pipe) => {}
    }
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_download_to_a_symlink_replaces_the_file_behind_it() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("file"), "old").unwrap();
    for (link, target) in [("link", "file"), ("dangling", "new")] {
        symlink(target, here.path().join(link)).unwrap();
        download_to(&here.path().join(link)).await.unwrap();
        assert!(here.path().join(link).is_symlink(), "{link}");
        assert_eq!(fs::read_to_string(here.path().join(target)).unwrap(), "evil");
        assert_eq!(mode(&here.path().join(target)), 0o640);
    }
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 4);
}

#[tokio::test]
async fn a_download_to_a_pipe_or_device_is_written_into_it() {
    let here = tempfile::tempdir().unwrap();
    let pipe = here.path().join("pipe");
    make_pipe(&pipe);
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe)
    });
    download_to(&pipe).await.unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), "evil");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    // By a symlink: nothing is lost if the device were replaced.
    let null = here.path().join("null");
    symlink("/dev/null", &null).unwrap();
    download_to(&null).await.unwrap();
    assert!(null.is_symlink() && fs::metadata(&null).unwrap().file_type().is_char_device());
}

#[tokio::test]
async fn a_download_to_what_a_process_has_open_is_written_into_it() {
    let here = tempfile::tempdir().unwrap();
    let open = fs::File::create(here.path().join("file")).unwrap();
    let descriptor = format!("/proc/self/fd/{}", open.as_raw_fd());
    symlink(descriptor, here.path().join("stdout")).unwrap();
    download_to(&here.path().join("stdout")).await.unwrap();
    assert_eq!(open.metadata().unwrap().ino(), fs::metadata(here.path().join("file")).unwrap().ino());
    assert_eq!(fs::read_to_string(here.path().join("file")).unwrap(), "evil");
}

#[tokio::test]
async fn what_is_in_the_way_of_a_directory_is_left_as_it_is() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("victim"), "safe").unwrap();
    fs::create_dir(here.path().join("target")).unwrap();
    let place = here.path().join("target/b");
    let makers: [fn(&Path); 2] = [|place| symlink("../victim", place).unwrap(), make_pipe];
    for make in makers {
        make(&place);
        let (_service, runtime) = inside(vec![folder(), listing(&[("FILE", "/root/a/b")]), content()]).await;
        let download = DownloadCall { remote: "a".to_owned(), local: here.path().join("target") };
        let error = runtime.download(&download, &ignore, &CALL).await.unwrap_err();
        assert!(error.to_string().contains("target/b: something that is no regular file is in the way"), "{error}");
        assert!(!fs::symlink_metadata(&place).unwrap().is_file());
        assert_eq!(fs::read_to_string(here.path().join("victim")).unwrap(), "safe");
        fs::remove_file(&place).unwrap();
    }
}

#[tokio::test]
async fn directories_that_are_downloaded_have_their_modes_and_those_that_are_there_keep_theirs() {
    let entry = |path: &str, mode: u32| json!({"type": "FILE_TYPE_DIRECTORY", "path": path, "mode": mode});
    let file = json!({"type": "FILE_TYPE_FILE", "path": "/root/a/closed/b", "mode": 0o600});
    let entries = json!({"entries": [entry("/root/a/there", 0o700), entry("/root/a/closed", 0o500), file]});
    let root = Reply::json(200, &json!({"entry": entry("/root/a", 0o711)}));
    let (_service, runtime) = inside(vec![root, Reply::json(200, &entries), content()]).await;
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("there")).unwrap();
    set_modes(here.path(), &[("there", 0o755)]);
    let download = DownloadCall { remote: "a".to_owned(), local: here.path().to_owned() };
    let before = mode(here.path());
    runtime.download(&download, &ignore, &CALL).await.unwrap();
    assert_eq!(mode(here.path()), before, "the root was there");
    assert_eq!((mode(&here.path().join("there")), mode(&here.path().join("closed"))), (0o755, 0o500));
    assert_eq!(fs::read_to_string(here.path().join("closed/b")).unwrap(), "evil");
    set_modes(here.path(), &[("closed", 0o700)]);
}

#[tokio::test]
async fn directories_that_are_uploaded_are_made_with_their_modes_and_closed_in_the_end() {
    let here = tempfile::tempdir().unwrap();
    for (name, file) in [("closed/in", "x"), ("private", "x"), ("usual", "x"), ("empty", "")] {
        fs::create_dir_all(here.path().join(name)).unwrap();
        if !file.is_empty() {
            fs::write(here.path().join(name).join(file), "1").unwrap();
        }
    }
    set_modes(
        here.path(),
        &[
            ("closed/in", 0o550),
            ("closed", 0o500),
            ("private", 0o700),
            ("usual", 0o755),
            ("empty", 0o755),
            (".", 0o755),
        ],
    );
    let made = json!({"folders": vec![json!({"path": "", "created": true}); 4]});
    let written = json!({"files": []});
    let script = [Reply::json(200, &made), Reply::json(200, &written), Reply::json(200, &made)];
    let (service, runtime) = inside(script.to_vec()).await;
    runtime.upload(&UploadCall::new(here.path(), "a"), &ignore, &CALL).await.unwrap();
    let seen = service.seen();
    let folders = |index: usize| -> Vec<(String, u64)> {
        let body = seen[index].json();
        let folders = body["folders"].as_array().unwrap().iter();
        folders.map(|folder| (folder["path"].as_str().unwrap().to_owned(), folder["mode"].as_u64().unwrap())).collect()
    };
    let named =
        |folders: &[(&str, u64)]| folders.iter().map(|(name, mode)| ((*name).to_owned(), *mode)).collect::<Vec<_>>();
    assert_eq!(
        folders(0),
        named(&[("a/private", 0o700), ("a/empty", 0o755), ("a/closed", 0o700), ("a/closed/in", 0o750)])
    );
    assert_eq!(folders(2), named(&[("a/closed/in", 0o550), ("a/closed", 0o500)]));
    assert_eq!([0, 2].map(|index| seen[index].json()["changeExisting"].clone()), [json!(false), json!(true)]);
    set_modes(here.path(), &[("closed", 0o700), ("closed/in", 0o700)]);
}

#[tokio::test]
async fn a_runtime_without_folder_modes_makes_the_empty_directories() {
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("empty")).unwrap();
    let unknown = Reply::json(404, &json!({"code": "unimplemented", "message": "there is no such route"}));
    let (service, runtime) = inside(vec![unknown, Reply::json(200, &json!({}))]).await;
    set_modes(here.path(), &[(".", 0o755)]);
    runtime.upload(&UploadCall::new(here.path(), "a"), &ignore, &CALL).await.unwrap();
    let seen = service.seen();
    let made = seen.iter().filter(|seen| seen.line().starts_with("POST")).nth(1).unwrap();
    assert_eq!(made.json(), json!({"path": "a/empty"}));
}
