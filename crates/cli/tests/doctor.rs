//! `sandbar doctor` on machines and with services on which something is wrong, and on those where nothing is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{KEY, Serve, agent, run, text};
use tempfile::TempDir;

const SERVICE_VARIABLES: [&str; 5] =
    ["SEACLOUD_BASE_URL", "SEACLOUD_API_KEY", "SEACLOUD_PROJECT_ID", "E2B_DOMAIN", "E2B_API_KEY"];

/// A machine with a data folder and a port of its own.
struct Patient {
    folder: TempDir,
    listen: String,
    data: PathBuf,
    /// What starts the doctor: it takes a program's command line as its last arguments.
    starter: Vec<OsString>,
    args: Vec<&'static str>,
    variables: Vec<(&'static str, OsString)>,
}

impl Patient {
    fn new() -> Self {
        let folder = support::open_folder();
        let (listen, data) = ("127.0.0.1:0".to_owned(), folder.path().join("data"));
        let variables = vec![("SANDBAR_AGENT", agent().into())];
        Self { folder, listen, data, starter: Vec::new(), args: Vec::new(), variables }
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// A script in its folder.
    fn script(&self, name: &str, line: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn output(&self) -> Output {
        let mut words = self.starter.iter().map(OsString::as_os_str).chain([OsStr::new(env!("CARGO_BIN_EXE_sandbar"))]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["doctor", "--listen", &self.listen, "--data-dir"]).arg(&self.data).args(&self.args);
        for name in SERVICE_VARIABLES {
            command.env_remove(name);
        }
        // No engine of the user's is found.
        command.env("XDG_DATA_HOME", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        run(&mut command)
    }

    fn examine(mut self) -> Findings {
        self.args.push("--json");
        let output = self.output();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
        Findings { code: output.status.code(), printed: text(&output.stdout), report }
    }
}

struct Findings {
    code: Option<i32>,
    printed: String,
    report: Value,
}

impl Findings {
    fn of(&self, check: &str) -> &Value {
        let sections = ["machine", "engine", "service"].into_iter();
        let mut all = sections.flat_map(|name| self.report[name].as_array().unwrap());
        all.find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {:#}", self.report))
    }

    /// It is a problem with these words, and with a fix that has those.
    fn has_problem(&self, check: &str, words: &str, fix: &str) {
        let found = self.of(check);
        assert_eq!(found["level"], "problem", "{found:#}");
        assert!(found["message"].as_str().unwrap().contains(words), "{found:#}");
        assert!(found["fix"].as_str().unwrap().contains(fix), "{found:#}");
        assert_eq!((self.code, &self.report["ok"]), (Some(1), &Value::Bool(false)));
    }

    fn is_ok(&self, check: &str, words: &str) {
        let found = self.of(check);
        assert_eq!(found["level"], "ok", "{found:#}");
        assert!(found["message"].as_str().unwrap().contains(words), "{found:#}");
    }
}

/// `PATH` with another `bwrap`, or with none.
fn path_with(folder: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap();
    let rest = std::env::split_paths(&path).filter(|folder| !folder.join("bwrap").exists());
    std::env::join_paths([folder.to_owned()].into_iter().chain(rest)).unwrap()
}

#[test]
fn a_sound_machine_has_no_problem_and_nothing_is_left() {
    let temporary = support::open_folder();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let patient = Patient { args: vec!["--full"], ..Patient::new() }.env("TMPDIR", temporary.path());
    let parent = support::open_folder();
    let data = parent.path().join("data");
    let findings = Patient { data: data.clone(), ..patient }.examine();
    assert_eq!((findings.code, &findings.report["ok"]), (Some(0), &Value::Bool(true)), "{:#}", findings.report);
    findings.is_ok("user namespaces", "bwrap makes namespaces");
    findings.is_ok("agent", concat!("sandbar-agent ", env!("CARGO_PKG_VERSION")));
    findings.is_ok("sandbox", "created, ran a command and deleted by an engine of its own");
    assert!(!data.exists(), "the data folder is only looked at");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "a folder is left");
}

#[test]
fn a_machine_without_bwrap_is_told_how_to_install_it() {
    let patient = Patient::new();
    let path = path_with(patient.folder.path());
    patient.env("PATH", path).examine().has_problem("bubblewrap", "bwrap is not in PATH", "bubblewrap");
}

#[test]
fn a_bwrap_that_fails_is_found() {
    let patient = Patient::new();
    patient.script("bwrap", "echo 'no such luck' >&2; exit 3");
    let path = path_with(patient.folder.path());
    let findings = patient.env("PATH", path).examine();
    findings.has_problem("bubblewrap", "does not run: exit status: 3: no such luck", "bubblewrap");
}

#[test]
fn a_bwrap_that_can_not_make_a_sandbox_is_found() {
    let patient = Patient::new();
    patient
        .script("bwrap", r#"[ "$1" = --version ] && echo bubblewrap 0.9.0 && exit; echo 'no such luck' >&2; exit 1"#);
    let path = path_with(patient.folder.path());
    let findings = patient.env("PATH", path).examine();
    findings.is_ok("bubblewrap", "bubblewrap 0.9.0 at ");
    findings.has_problem("user namespaces", "no such luck", "bwrap");
}

/// A command line of words without blanks.
fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

const MORE_NAMESPACES: &str =
    "echo 'user.max_user_namespaces = 15000' | sudo tee -a /etc/sysctl.d/60-sandbar.conf && sudo sysctl -p";

#[test]
fn user_namespaces_that_are_off_are_found() {
    // In a user namespace of which this setting is its own.
    let mut starter = words("unshare --user --map-user=1000 --keep-caps sh -c");
    let off = r#"echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@""#;
    starter.extend([off.into(), "sh".into()]);
    let findings = Patient { starter, ..Patient::new() }.examine();
    findings.is_ok("bubblewrap", "bubblewrap ");
    findings.has_problem("user namespaces", "user.max_user_namespaces is 0", MORE_NAMESPACES);
}

#[test]
fn user_namespaces_that_are_off_further_out_are_found() {
    let starter = words("bwrap --unshare-user --disable-userns --uid 1000 --bind / / --dev /dev --proc /proc --");
    let findings = Patient { starter, ..Patient::new() }.examine();
    findings.has_problem("user namespaces", "does not let bwrap make user namespaces", MORE_NAMESPACES);
}

#[test]
fn root_of_a_user_namespace_with_too_few_users_is_told_to_be_an_ordinary_one() {
    let starter = words("unshare --user --map-root-user");
    let findings = Patient { starter, ..Patient::new() }.examine();
    findings.has_problem("user namespaces", "has no user ID 2000000 to give", "su -s /bin/sh nobody");
}

#[test]
fn a_port_that_something_else_has_is_found_with_who_has_it() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = other.local_addr().unwrap().to_string();
    let findings = Patient { listen: listen.clone(), ..Patient::new() }.examine();
    let who = format!("(process {})", std::process::id());
    findings.has_problem("port", &format!("{listen} is taken by "), "sandbar serve --listen 127.0.0.1:0\n");
    findings.has_problem("port", &who, &format!("ps -fp {}", std::process::id()));
}

#[test]
fn an_engine_that_runs_already_is_no_problem_and_its_key_counts() {
    let serve = Serve::start();
    let listen = serve.url().strip_prefix("http://").unwrap().to_owned();
    let patient = Patient { listen: listen.clone(), data: serve.folder.path().to_owned(), ..Patient::new() };
    let patient = patient.env("SEACLOUD_BASE_URL", serve.url()).env("SEACLOUD_API_KEY", KEY);
    let findings = Patient { args: vec!["--full"], ..patient }.examine();
    let process = format!("sandbar (process {})", serve.child.id());
    findings.is_ok("port", &format!("{listen} is taken by {process}: an engine of version"));
    findings.is_ok("data folder", &format!("is in use by an engine: {process}"));
    findings.is_ok("reachable", &format!("{} answers", serve.url()));
    findings.is_ok("API key", "accepted");
    findings.is_ok("version", "the engine and this command are ");
    findings.is_ok("variables", "SEACLOUD_BASE_URL, SEACLOUD_API_KEY");
    assert_eq!(findings.code, Some(0), "{:#}", findings.report);
    assert!(!findings.printed.contains(KEY), "{}", findings.printed);
}

#[test]
fn a_wrong_key_is_found_and_not_shown() {
    let serve = Serve::start();
    let wrong = "sk-of-another-engine";
    let patient = Patient::new().env("SEACLOUD_BASE_URL", serve.url()).env("SEACLOUD_API_KEY", wrong);
    let findings = patient.examine();
    findings.is_ok("reachable", serve.url());
    findings.has_problem(
        "API key",
        "the API key was refused (401",
        "read -rs SEACLOUD_API_KEY && export SEACLOUD_API_KEY",
    );
    assert!(!findings.printed.contains(wrong), "{}", findings.printed);
}

#[test]
fn a_service_that_is_not_there_is_found() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let patient = Patient::new().env("SEACLOUD_BASE_URL", format!("http://{free}")).env("SEACLOUD_API_KEY", KEY);
    patient.examine().has_problem("reachable", "connection refused", "sandbar serve\n");
}

#[test]
fn a_key_without_a_service_is_found() {
    let findings = Patient::new().env("SEACLOUD_API_KEY", "sk-hidden").examine();
    findings.has_problem("variables", "there is no base URL", "export SEACLOUD_BASE_URL=");
    assert!(!findings.printed.contains("sk-hidden"), "{}", findings.printed);
}

#[test]
fn a_data_folder_that_can_not_be_written_is_found() {
    let folder = support::open_folder();
    let mut starter = words("bwrap --bind / / --dev-bind /dev /dev --ro-bind");
    starter.extend([folder.path().into(), folder.path().into(), "--".into()]);
    let data = folder.path().join("data");
    let findings = Patient { data, starter, ..Patient::new() }.examine();
    findings.has_problem("data folder", "Read-only file system", "--data-dir");
}

#[test]
fn a_data_folder_of_other_things_is_found() {
    let patient = Patient::new();
    fs::create_dir(&patient.data).unwrap();
    fs::write(patient.data.join("thesis.txt"), "").unwrap();
    patient.examine().has_problem("data folder", "it holds other files", "--data-dir");
}

#[test]
fn a_missing_agent_is_found() {
    let patient = Patient::new();
    let nowhere = patient.folder.path().join("sandbar-agent");
    patient.env("SANDBAR_AGENT", nowhere).examine().has_problem(
        "agent",
        "sandbar-agent is not at",
        "unset SANDBAR_AGENT",
    );
}

#[test]
fn an_agent_of_another_version_is_found() {
    for (line, words) in [
        ("echo sandbar-agent 0.0.9", "says \"sandbar-agent 0.0.9\""),
        ("echo 'no socket' >&2; exit 1", "does not tell its version (exit status: 1: no socket)"),
    ] {
        let patient = Patient::new();
        let old = patient.script("old-agent", line);
        patient.env("SANDBAR_AGENT", old).examine().has_problem("agent", words, "npm install @sandbar/local");
    }
}

#[test]
fn the_table_reads_without_colour_and_shows_each_fix() {
    let serve = Serve::start();
    let patient = Patient::new().env("SEACLOUD_BASE_URL", serve.url()).env("SEACLOUD_API_KEY", "wrong");
    let output = patient.output();
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    for line in
        ["This machine\n", "  ✓ bubblewrap ", "Service\n", "  ✗ API key ", " read -rs SEACLOUD_API_KEY", "1 problem, "]
    {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(!table.contains('\u{1b}'), "{table}");
    let short = text(&Patient { args: vec!["-q"], ..patient }.output().stdout);
    let has_empty_part = ["This machine\n\n", "Local engine\n\n"].iter().any(|heading| short.contains(heading));
    assert!(!has_empty_part, "{short}");
    assert!(short.contains('✗') && !short.contains('✓'), "{short}");
}

#[test]
fn an_engine_that_does_not_start_points_to_the_doctor() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = support::sandbar();
    command.args(["serve", "--outlive", "0", "--api-key", KEY, "--data-dir"]).arg(folder.path());
    let output = run(command.arg("--listen").arg(other.local_addr().unwrap().to_string()));
    let said = text(&output.stderr);
    assert!(said.contains("can't listen on 127.0.0.1:") && said.contains("`sandbar doctor`"), "{said}");
}
