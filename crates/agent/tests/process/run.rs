use std::time::Duration;

use serde_json::json;

use crate::support::{Agent, runs, until};

#[tokio::test]
async fn a_command_is_run_to_its_end() {
    let agent = Agent::new();
    let answer = agent.run(json!({ "cmd": "cat; echo err >&2; exit 3", "args": [], "stdin": "été" })).await;
    assert_eq!(answer["stdout"], "été");
    assert_eq!((&answer["stderr"], &answer["exit_code"]), (&json!("err\n"), &json!(3)));
}

#[tokio::test]
async fn an_ordinary_command_does_not_wait_for_the_grace_of_the_background() {
    let agent = Agent::new();
    let mut quickest = Duration::MAX;
    for _ in 0..20 {
        let begun = std::time::Instant::now();
        agent.run(json!({ "cmd": "true" })).await;
        quickest = quickest.min(begun.elapsed());
    }
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_command_with_all_it_started() {
    let agent = Agent::new();
    let pids = agent.path("pids");
    let line = format!("setsid sleep 1000 & echo $! >> {pids}.part; mv {pids}.part {pids}; wait");
    tokio::select! {
        answer = agent.run(json!({ "cmd": line })) => panic!("{answer}"),
        () = until("it runs", || std::fs::exists(&pids).unwrap()) => {}
    }
    let pid: u64 = std::fs::read_to_string(&pids).unwrap().trim().parse().unwrap();
    until("nothing of it runs", || !runs(pid)).await;
}

#[tokio::test]
async fn a_time_limit_ends_those_in_other_sessions_too() {
    let agent = Agent::new();
    let line = "setsid sleep 1000 & echo $!; wait";
    let answer = agent.run(json!({ "cmd": line, "timeoutMs": 200 })).await;
    assert_eq!(answer["error"], "timed out after 200 ms and was killed");
    let pid: u64 = answer["stdout"].as_str().unwrap().trim().parse().unwrap();
    until("it is dead", || !runs(pid)).await;
}

#[tokio::test]
async fn a_server_in_the_background_outlives_the_pipe_it_prints_to() {
    let agent = Agent::new();
    let gate = agent.path("gate");
    let line = format!("(until [ -e {gate} ]; do sleep 0.01; done; echo late; echo alive > {gate}) & echo started");
    assert_eq!(agent.run(json!({ "cmd": line })).await["stdout"], "started\n");
    std::fs::write(&gate, "").unwrap();
    until("it printed and went on", || std::fs::read_to_string(&gate).is_ok_and(|text| text == "alive\n")).await;
}

#[tokio::test]
async fn variables_that_no_process_can_have_are_refused() {
    let agent = Agent::new();
    let (status, answer) = agent.call("/run", json!({ "cmd": "true", "env": { "A=B": "c" } })).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_argument")));
    assert!(answer["message"].as_str().unwrap().contains("`env`"), "{answer}");
}

#[tokio::test]
async fn a_command_of_a_user_comes_through_su_and_root_is_the_one() {
    let agent = Agent::new();
    let of =
        |user: &str| json!({ "cmd": "sh", "args": ["-lc", format!("su -s /bin/sh '{user}' -c 'echo \"$COLOUR\"'")] });
    assert_eq!(agent.run(of("root")).await["stdout"], "red\n");
    let (status, answer) = agent.call("/run", of("bob")).await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_argument")));
    let (status, _, message) = agent.refusal("Start", json!({ "process": of("bob") })).await;
    assert_eq!((status, &json!(message)), (400, &answer["message"]));
}

#[tokio::test]
async fn a_command_line_may_be_longer_than_an_argument() {
    let agent = Agent::new();
    let text = "é".repeat(150_000);
    let line = format!("printf %s '{text}' \"$#\"; exit 3");
    let commands = [
        json!({ "cmd": line }),
        json!({ "cmd": "sh", "args": ["-lc", line] }),
        json!({ "cmd": "bash", "args": ["-c", line] }),
    ];
    for command in commands {
        let answer = agent.run(command).await;
        assert!(answer["stdout"] == format!("{text}0"), "{:.200}", answer.to_string());
        assert_eq!(answer["exit_code"], 3);
    }
}

#[tokio::test]
async fn a_command_line_that_the_system_does_not_take_says_what_to_do() {
    let agent = Agent::new();
    let answer = agent.run(json!({ "cmd": format!(": '{}'", "x".repeat(8 * 1024 * 1024)) })).await;
    assert_eq!(answer["exit_code"], 126);
    assert!(answer["error"].as_str().unwrap().contains("write them to a file"), "{answer}");
}

#[tokio::test]
async fn output_that_is_cut_off_ends_with_a_whole_character_and_says_so() {
    let agent = Agent::new();
    let answer = agent.run(json!({ "cmd": "yes \u{20ac} | tr -d '\\n' | head -c 6000000" })).await;
    let stdout = answer["stdout"].as_str().unwrap();
    // The limit is 4 MiB, of which one byte is no whole character.
    assert_eq!((stdout.len(), stdout.contains('\u{fffd}')), (4 * 1024 * 1024 - 1, false));
    assert_eq!(answer["truncated"], true);
    assert_eq!(agent.run(json!({ "cmd": "echo all" })).await.get("truncated"), None);
}

#[tokio::test]
async fn a_working_directory_may_begin_with_the_home() {
    let agent = Agent::new();
    let home = agent.folder.path().canonicalize().unwrap().display().to_string();
    std::fs::create_dir(agent.path("in")).unwrap();
    for (cwd, place) in [("~", home.clone()), ("~/in", format!("{home}/in")), ("~/in/..", home.clone())] {
        let request = json!({ "cmd": "pwd -P", "cwd": cwd });
        assert_eq!(agent.run(request.clone()).await["stdout"], format!("{place}\n"), "{cwd}");
        let followed = agent.start(json!({ "process": request, "stdin": false })).await.ended().await;
        assert_eq!(followed.stdout(), format!("{place}\n"), "{cwd}");
    }
}

#[tokio::test]
async fn a_working_directory_that_is_none_is_refused_as_by_start() {
    let agent = Agent::new();
    let file = agent.path("file");
    std::fs::write(&file, "").unwrap();
    let is_file =
        |path: &str| format!("the working directory {path}, or a part of its path, is a file: pass a directory");
    for (cwd, status, code, message) in [
        ("/none", 404, "not_found", "the working directory /none does not exist: make it first".to_owned()),
        (&file, 400, "invalid_argument", is_file(&file)),
        (&format!("{file}/below"), 400, "invalid_argument", is_file(&format!("{file}/below"))),
    ] {
        let expected = json!({ "code": code, "message": message });
        assert_eq!(agent.call("/run", json!({ "cmd": "true", "cwd": cwd })).await, (status, expected), "{cwd}");
        let process = json!({ "cmd": "true", "cwd": cwd });
        let refused = agent.refusal("Start", json!({ "process": process })).await;
        assert_eq!(refused, (status, code.to_owned(), message), "{cwd}");
    }
}
