//! A start with something else in the agent's place, or in that of `bwrap`: it fails in time, says why, and leaves nothing.

use std::path::Path;
use std::time::Duration;

use sandbar_engine::driver::RuntimeNotice;
use sandbar_protocol::{Diagnostic, LogLevel};

use crate::support::{Host, script, until};

/// How a start fails whose agent takes the engine's connection and then does this, in perl.
async fn failure(behaviour: &str) -> Diagnostic {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "#!/usr/bin/perl\nuse Socket; $SIG{{PIPE}} = 'IGNORE'; open(my $s, '+<&=3'); accept(my $c, $s);\n\
         sysread($c, my $request, 65536); sub say_it {{ syswrite($c, $_[0]) or sleep }}\n{behaviour};\nsleep"
    );
    let host = Host::with(|config| {
        config.agent = script(&folder, &text);
        config.start_timeout = Duration::from_secs(2);
    });
    let sandbox = host.sandbox();
    let failed = tokio::time::timeout(Duration::from_secs(10), sandbox.start()).await.expect("no end of the start");
    sandbox.destroy().await.unwrap();
    until("nothing is left", async || sandbox.is_gone()).await;
    failed.unwrap_err()
}

fn has_perl() -> bool {
    Path::new("/usr/bin/perl").exists()
}

const HEAD: &str = r"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn whatever_is_not_an_agents_answer_fails_the_start() {
    if !has_perl() {
        return;
    }
    for body in [
        r#"{"status": "fine"}"#.to_owned(),
        r#"{"status": 1e999}"#.to_owned(),
        r#"{"status": "healthy", "commandsMs": -1}"#.to_owned(),
        "null".to_owned(),
        String::new(),
        r"\0\0\0\0".to_owned(),
        r"\xff\xfe{".to_owned(),
        r#"{"status": "healthy""#.to_owned(),
    ] {
        let said = format!(r#"say_it("{HEAD}content-length: ".length($b)."\r\n\r\n".$b)"#);
        let diagnostic = failure(&format!("my $b = \"{}\"; {said}", body.replace('"', "\\\""))).await;
        assert_eq!(diagnostic.reason, "agent_unreachable", "{body}: {diagnostic:?}");
        assert!(diagnostic.recommendation.is_some());
    }
}

#[tokio::test]
async fn an_answer_without_an_end_fails_the_start() {
    if !has_perl() {
        return;
    }
    for endless in [
        r#"say_it("HTTP/1.1 200 OK\r\n"); while (1) { say_it("x-header: y\r\n" x 100) }"#.to_owned(),
        r#"say_it("HTTP/1.1 200 OK\r\nx-long: "); while (1) { say_it("y" x 4096) }"#.to_owned(),
        format!(r#"say_it("{HEAD}\r\n"); while (1) {{ say_it(" " x 4096) }}"#),
        format!(r#"say_it("{HEAD}\r\n"); while (1) {{ say_it("[" x 4096) }}"#),
        format!(r#"say_it("{HEAD}content-length: 60000\r\n\r\n"."[" x 60000)"#),
        format!(r#"say_it("{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n")"#),
        r#"say_it("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"); close $c"#
            .to_owned(),
        "close $c".to_owned(),
    ] {
        let diagnostic = failure(&endless).await;
        assert_eq!(diagnostic.reason, "agent_unreachable", "{endless}: {diagnostic:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_and_none_fail_the_start_in_time() {
    if !has_perl() {
        return;
    }
    let drip = r#"for (split //, "HTTP/1.1 200 OK\r\n" x 100) { say_it($_); select(undef, undef, undef, 0.1) }"#;
    for slow in [drip, "1"] {
        let diagnostic = failure(slow).await;
        assert_eq!(diagnostic.reason, "readiness_timeout", "{slow}: {diagnostic:?}");
    }
}

#[tokio::test]
async fn what_an_agent_says_of_its_failure_is_short_and_steers_no_terminal() {
    if !has_perl() {
        return;
    }
    let said = r#"my $b = '{"status": "error", "message": "\u001b[2J'.("x" x 10000).'"}';
                  print STDERR "\e]0;title\a", "y" x 100000;"#;
    let answer = r#"say_it("HTTP/1.1 503 No\r\ncontent-length: ".length($b)."\r\n\r\n".$b)"#.to_owned();
    let diagnostic = failure(&format!("{said} {answer}")).await;
    assert_eq!(diagnostic.reason, "start_command_failed", "{diagnostic:?}");
    assert!(diagnostic.message.len() < 5000, "{} bytes", diagnostic.message.len());
    assert!(!diagnostic.message.contains(|c: char| c.is_control()), "{diagnostic:?}");
}

#[tokio::test]
async fn a_bwrap_that_tells_nonsense_fails_the_start() {
    for told in [r#"echo '{"child-pid": -1}'"#, r#"echo '{"child-pid": "x"}'"#, "echo '[}'", "head -c 9000 /dev/zero"] {
        let folder = tempfile::tempdir().unwrap();
        let bwrap = script(&folder, &format!("#!/bin/sh\n{told} >&5\nexec sleep 600\n"));
        let host = Host::with(|config| config.bwrap = bwrap);
        let sandbox = host.sandbox();
        let failed = tokio::time::timeout(Duration::from_secs(5), sandbox.start()).await.expect("no end of the start");
        assert_eq!(failed.unwrap_err().reason, "bwrap_failed", "{told}");
        // What was shown for its start is hidden by another thread.
        until("nothing is left", async || sandbox.is_gone()).await;
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_stops_nobody_else() {
    let host = Host::new();
    let (noisy, other) = (host.sandbox(), host.running().await);
    // The start command's output is the sandbox's log; what it leaves in the background goes on.
    let flood = "yes & tr '\\0' x < /dev/zero >&2 &";
    noisy.start_with(|spec| spec.start_command = Some(flood.into())).await.unwrap();
    let told = async || {
        let mut notices = host.notices.lock().await;
        let mut dropped = false;
        while let Ok(notice) = notices.try_recv() {
            let RuntimeNotice::Output { sandbox_id, level, line, .. } = notice else { continue };
            assert_eq!(sandbox_id, noisy.id);
            assert!(line.len() <= 8 * 1024);
            dropped |= level == LogLevel::Warn && line.contains(" lines were dropped here");
        }
        dropped
    };
    until("the log says what it left out", told).await;
    assert_eq!(other.says("echo on").await, "on");
    noisy.destroy().await.unwrap();
    other.destroy().await.unwrap();
}
