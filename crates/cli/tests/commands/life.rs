use super::{Serve, fails, json, prints, run, text};

#[test]
fn a_sandbox_goes_through_its_life() {
    let serve = Serve::start();
    let id = prints(&serve, &["create", "--metadata", "app=demo"]);
    assert!(id.starts_with("sb-") && !id.contains(char::is_whitespace), "{id:?}");
    assert_eq!(json(&serve, &["info", &id])["state"], "running");

    assert_eq!(json(&serve, &["pause", &id])["changed"], true);
    assert_eq!(json(&serve, &["pause", &id])["changed"], false);
    assert_eq!(json(&serve, &["info", &id])["state"], "paused");

    let (code, message) = fails(&serve, &["timeout", &id, "600"]);
    assert_eq!(code, 5);
    assert!(message.contains(&format!("`sandbar resume {id} --timeout SECONDS`")), "{message}");

    assert_eq!(json(&serve, &["resume", &id, "--timeout", "900"])["state"], "running");
    let ends = |value: serde_json::Value| value["endAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let set = ends(json(&serve, &["timeout", &id, "60"]));
    let extended = ends(json(&serve, &["refresh", &id, "--duration", "1800"]));
    assert!(extended.duration_since(set).as_secs() > 1_700);

    prints(&serve, &["rm", &id]);
    let gone = json(&serve, &["info", &id]);
    assert_eq!(
        (&gone["state"], &gone["diagnostic"]["reason"]),
        (&"deleted".into(), &"deleted_by_user".into()),
        "{gone}"
    );
    assert_eq!(fails(&serve, &["resume", &id]).0, 3);
}

#[test]
fn info_tells_a_person_what_there_is_to_know() {
    let serve = Serve::start();
    let id = prints(&serve, &["create", "-m", "note=größer 你好", "--auto-pause"]);
    let shown = prints(&serve, &["info", &id]);
    for part in [&*id, "running", "base", "it is paused then", "note=größer 你好", "Timeline", "✓ ready"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains("Token") && !shown.contains("access"), "{shown}");
}

#[test]
fn the_access_token_is_printed_only_if_it_is_asked_for() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    assert!(json(&serve, &["info", &id]).get("envdAccessToken").is_none());
    assert!(json(&serve, &["info", &id, "--show-token"])["envdAccessToken"].is_string());
    assert!(json(&serve, &["resume", &id]).get("envdAccessToken").is_none());
    assert!(json(&serve, &["resume", &id, "--show-token"])["envdAccessToken"].is_string());
}

#[test]
fn metrics_templates_and_status_are_shown_to_people_and_programs() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    assert_eq!(json(&serve, &["metrics", &id])["sandboxID"], *id);
    assert_eq!(json(&serve, &["metrics"])["items"][0]["sandboxID"], *id);
    assert!(prints(&serve, &["metrics", &id]).starts_with("ID "));
    assert_eq!(prints(&serve, &["templates", "-q"]).lines().next(), Some("base"));
    assert_eq!(json(&serve, &["templates"])[0]["templateID"], "base");
    assert!(prints(&serve, &["templates"]).contains("512 MiB"));
    assert_eq!(json(&serve, &["status"])["limits"]["resource"], "sandboxes");
    assert!(prints(&serve, &["status"]).contains("activeSandboxes"));
}

#[test]
fn a_watched_sandbox_has_a_line_each_time() {
    let serve = Serve::start();
    let id = prints(&serve, &["create"]);
    let mut command = super::command(serve.url(), &["metrics", &id, "--watch", "--interval", "1", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for line in lines.take(2) {
        let value: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!(value["sandboxID"], *id);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let serve = Serve::start();
    for shell in ["bash", "zsh", "fish"] {
        let script = prints(&serve, &["completions", shell]);
        assert!(script.contains("metadata") && script.contains("refresh"), "{shell}");
    }
    assert!(prints(&serve, &["man"]).contains("sandbar"));
    assert!(prints(&serve, &["man", "create"]).contains("auto\\-pause"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = run(&serve, &["man", "--dir", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(pages.join("sandbar.1").is_file() && pages.join("sandbar-rm.1").is_file());
    assert_eq!(fails(&serve, &["man", "nothing"]).0, 2);
}
