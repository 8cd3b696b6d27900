//! `sandbar cp`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::terminal::Terminal;
use crate::support::{open_folder, text, until};
use crate::{Scene, fed, noise};

const LARGE: usize = 40 * 1024 * 1024;

#[tokio::test]
async fn a_large_file_comes_back_as_it_went() {
    let (scene, here) = (Scene::new().await, open_folder());
    let (there, back) = (here.path().join("a.bin"), here.path().join("b.bin"));
    let bytes = noise(LARGE);
    fs::write(&there, &bytes).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o750)).unwrap();
    scene.runs(&["cp", there.to_str().unwrap(), &scene.at("/root/a.bin")]);
    assert_eq!(scene.says("stat -c '%s %a' /root/a.bin"), format!("{LARGE} 750\n"));
    scene.runs(&["cp", &scene.at("/root/a.bin"), back.to_str().unwrap()]);
    assert!(fs::read(&back).unwrap() == bytes);
    assert_eq!(fs::metadata(&back).unwrap().permissions().mode() & 0o777, 0o750);
}

#[tokio::test]
async fn files_go_into_directories_under_their_own_name() {
    let (scene, here) = (Scene::new().await, open_folder());
    let file = here.path().join("a.txt");
    fs::write(&file, "hello").unwrap();
    let file = file.to_str().unwrap();
    scene.runs(&["cp", file, &scene.at("")]);
    scene.runs(&["cp", file, &scene.at("/root")]);
    scene.runs(&["cp", file, &scene.at("new/")]);
    assert_eq!(scene.says("cat a.txt /root/a.txt new/a.txt"), "hellohellohello");
    let other = open_folder();
    scene.runs(&["cp", &scene.at("new/a.txt"), other.path().to_str().unwrap()]);
    assert_eq!(fs::read_to_string(other.path().join("a.txt")).unwrap(), "hello");
}

#[tokio::test]
async fn directories_are_copied_when_that_is_asked_for() {
    let (scene, here) = (Scene::new().await, open_folder());
    let app = here.path().join("app");
    fs::create_dir_all(app.join("src/empty")).unwrap();
    fs::write(app.join("src/main.py"), "print(1)").unwrap();
    fs::write(app.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(app.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", app.join("link")).unwrap();
    let app = app.to_str().unwrap();
    let refused = scene.command(&["cp", app, &scene.at("x")]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("is a directory: -r copies it"), "{}", text(&refused.stderr));
    let output = scene.command(&["cp", "-r", app, &scene.at("")]).output().unwrap();
    assert!(output.status.success() && text(&output.stderr).contains("left out: link (a symlink)"), "{output:?}");
    assert_eq!(
        scene.says("cd app && find . | sort && stat -c %a run.sh"),
        ".\n./run.sh\n./src\n./src/empty\n./src/main.py\n755\n"
    );
    let back = here.path().join("back");
    let back = back.to_str().unwrap();
    scene.runs(&["cp", "-r", &scene.at("app"), back]);
    assert_eq!(fs::read_to_string(format!("{back}/src/main.py")).unwrap(), "print(1)", "to a new name");
    scene.runs(&["cp", "-r", &scene.at("app"), back]);
    assert!(fs::exists(format!("{back}/app/src/empty")).unwrap(), "into what is there");
    scene.runs(&["cp", "-r", &format!("{app}/."), &scene.at("flat")]);
    assert_eq!(scene.says("cat flat/src/main.py"), "print(1)", "what is in it");
}

#[tokio::test]
async fn standard_input_and_output_are_sides_as_well() {
    let scene = Scene::new().await;
    let bytes = noise(5 * 1024 * 1024);
    let output = fed(scene.command(&["cp", "-", &scene.at("/root/piped")]), &bytes);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = scene.command(&["cp", &scene.at("/root/piped"), "-"]).output().unwrap();
    assert!(output.stdout == bytes && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[tokio::test]
async fn json_says_what_was_copied() {
    let (scene, here) = (Scene::new().await, open_folder());
    let file = here.path().join("a.txt");
    fs::write(&file, "hello").unwrap();
    let printed = scene.runs(&["cp", "--json", file.to_str().unwrap(), &scene.at("a.txt")]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report, serde_json::json!({ "files": 1, "bytes": 5, "skipped": [] }));
}

#[tokio::test]
async fn what_can_not_be_copied_is_told_and_nothing_is_left() {
    let (scene, here) = (Scene::new().await, open_folder());
    let place = here.path().join("b.txt");
    let place = place.to_str().unwrap();
    let missing = scene.command(&["cp", &scene.at("nowhere.txt"), place]).output().unwrap();
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stderr).contains("nowhere.txt"), "{}", text(&missing.stderr));
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0);
    for (args, words) in [
        (["cp", "a.txt", "b.txt"], "no side is in a sandbox"),
        (["cp", "sb-1:a", "sb-2:b"], "both sides are in a sandbox"),
    ] {
        let output = scene.command(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn who_looks_on_sees_how_far_it_is() {
    let (scene, here) = (Scene::new().await, open_folder());
    let file = here.path().join("a.bin");
    fs::write(&file, noise(LARGE)).unwrap();
    let mut terminal = Terminal::run(scene.command(&["cp", file.to_str().unwrap(), &scene.at("/root/")]), 120);
    terminal.shows(" of 40.00 MiB");
    terminal.shows("copied 1 file, 40.00 MiB");
    assert_eq!(terminal.ends(), Some(0));
}

#[tokio::test]
async fn a_copy_that_is_ended_by_a_signal_leaves_nothing() {
    let (scene, here) = (Scene::new().await, open_folder());
    scene.says("truncate -s 900M /root/large");
    let place = here.path().join("large");
    let has_bytes = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().metadata().unwrap().len() > 0;
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        let mut child = scene.command(&["cp", &scene.at("/root/large"), place.to_str().unwrap()]).spawn().unwrap();
        until("begun", || fs::read_dir(here.path()).unwrap().any(has_bytes));
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0, "{signal}");
    }
}

#[tokio::test]
async fn pipes_and_files_of_the_system_are_copied_to_their_end() {
    let scene = Scene::new().await;
    let bytes = noise(3 * 1024 * 1024);
    let output = fed(scene.command(&["cp", "/dev/stdin", &scene.at("/root/piped")]), &bytes);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = scene.command(&["cp", &scene.at("/root/piped"), "/dev/stdout"]).output().unwrap();
    assert!(output.stdout == bytes, "{}", text(&output.stderr));
    scene.runs(&["cp", "/proc/version", &scene.at("/root/version")]);
    assert_eq!(scene.says("cat /root/version"), fs::read_to_string("/proc/version").unwrap());
}

#[tokio::test]
async fn directories_keep_their_modes_both_ways() {
    let (scene, here) = (Scene::new().await, open_folder());
    let modes =
        [("app", 0o700), ("app/read", 0o555), ("app/read/in", 0o750), ("app/shared", 0o775), ("app/usual", 0o755)];
    for (name, _) in modes {
        fs::create_dir_all(here.path().join(name)).unwrap();
    }
    fs::write(here.path().join("app/read/in/file"), "x").unwrap();
    fs::write(here.path().join("app/read/file"), "x").unwrap();
    for (name, mode) in modes {
        fs::set_permissions(here.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    scene.runs(&["cp", "-r", here.path().join("app").to_str().unwrap(), &scene.at("")]);
    let names = modes.map(|(name, _)| name).join(" ");
    let expected: String = modes.iter().map(|(name, mode)| format!("{mode:o} {name}\n")).collect();
    assert_eq!(scene.says(&format!("stat -c '%a %n' {names}")), expected);
    scene.runs(&["cp", "-r", &scene.at("app"), here.path().join("back").to_str().unwrap()]);
    for (name, mode) in modes {
        let back = here.path().join(name.replacen("app", "back", 1));
        assert_eq!(fs::metadata(&back).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    // What is there keeps its own, and takes files in.
    scene.says("chmod 711 app");
    scene.runs(&["cp", "-r", &format!("{}/.", here.path().join("app").display()), &scene.at("app")]);
    assert_eq!(scene.says("stat -c %a app"), "711\n");
    for name in ["app/read", "back/read"] {
        fs::set_permissions(here.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}
