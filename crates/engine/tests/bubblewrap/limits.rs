//! What a sandbox may use, attacked from inside: memory, processes, CPU time, files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hyper::Method;
use sandbar_engine::driver::{Driver, RuntimeNotice, RuntimeSpec};
use sandbar_protocol::{Diagnostic, LogLevel};
use serde_json::json;

use crate::support::{Host, Sandbox, Stray, is_root, until};

const HOG: &str = "my $x = 'x' x (400 << 20); print length $x";

impl Host {
    async fn has_groups(&self) -> bool {
        self.driver.limits_level().await.name.starts_with("cgroup")
    }
}

impl Sandbox<'_> {
    /// The sandbox's own control groups, as folders.
    async fn groups(&self) -> Vec<PathBuf> {
        let member = self.pid_namespace().await.members()[0];
        let groups = fs::read_to_string(format!("/proc/{member}/cgroup")).unwrap();
        let own = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        own.filter(|(_, path)| path.ends_with(&self.id))
            .map(|(controllers, path)| {
                let controllers = if controllers.is_empty() { "unified" } else { controllers };
                PathBuf::from(format!("/sys/fs/cgroup/{controllers}{path}"))
            })
            .collect()
    }

    async fn perl(&self, script: &str) -> sandbar_protocol::RunResponse {
        self.execute(json!({ "cmd": "perl", "args": ["-e", script] })).await
    }
}

/// The next line that the sandbox's log gets for its limits.
async fn next_error(host: &Host) -> String {
    let mut notices = host.notices.lock().await;
    loop {
        if let RuntimeNotice::Output { level: LogLevel::Error, line, .. } = notices.recv().await.unwrap() {
            return line;
        }
    }
}

#[tokio::test]
async fn the_level_says_what_this_machine_has() {
    let host = Host::new();
    let level = host.driver.limits_level().await;
    assert_eq!(level.processes, Some(512));
    assert!(["cgroup v2", "cgroup v1", "rlimits"].contains(&level.name.as_str()), "{level}");
    assert_eq!(level.memory, level.name != "rlimits");
}

#[tokio::test]
async fn a_memory_hog_is_killed_alone_and_the_log_says_so() {
    let host = Host::new();
    let (sandbox, other) = (host.sandbox(), host.running().await);
    sandbox.start_with(|spec| spec.limits.memory_mb = 128).await.unwrap();
    if sandbox.has("perl").await {
        let hog = sandbox.perl(HOG).await;
        assert_ne!(hog.exit_code, 0, "{hog:?}");
        assert!(hog.stdout.is_empty(), "{hog:?}");
        if host.has_groups().await {
            let why = "a process was killed: it ran out of memory: its processes may use 128 MiB together";
            assert_eq!(next_error(&host).await, why);
        }
    }
    assert_eq!((sandbox.says("echo on").await, other.says("echo on").await), ("on".into(), "on".into()));
    sandbox.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn a_sandbox_that_ends_for_want_of_memory_says_so() {
    let host = Host::new();
    let sandbox = host.sandbox();
    sandbox.start_with(|spec| spec.limits.memory_mb = 64).await.unwrap();
    if sandbox.has("perl").await && host.has_groups().await {
        // The agent is made the first to be killed: half of the memory is no process's own.
        let hold = "head -c 30M /dev/zero > /tmp/held";
        let hog = format!("{hold}; echo 1000 > /proc/$PPID/oom_score_adj; exec perl -e '{}'", HOG.replace('\'', "\""));
        sandbox.post("/run", json!({ "cmd": hog }).to_string()).await.unwrap_err();
        let RuntimeNotice::Exited { status, cause, .. } = host.next_exit().await else { panic!() };
        let cause = cause.unwrap_or_else(|| panic!("no cause of {status}"));
        assert_eq!(cause.reason, "out_of_memory");
        assert_eq!(cause.message, "it ran out of memory: its processes may use 64 MiB together");
        assert!(cause.recommendation.unwrap().contains("memory_mb"));
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_start_that_needs_too_much_memory_says_so() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let hog = format!("perl -e '{}'", HOG.replace('\'', "\""));
    let spec = |spec: &mut RuntimeSpec| {
        spec.limits.memory_mb = 64;
        spec.start_command = Some(hog);
    };
    let failed = sandbox.start_with(spec).await.unwrap_err();
    let expected = if host.has_groups().await { "out_of_memory" } else { "start_command_failed" };
    assert_eq!(failed.reason, expected, "{failed:?}");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn files_in_memory_leave_room_for_processes() {
    let host = Host::new();
    let sandbox = host.sandbox();
    sandbox.start_with(|spec| spec.limits.memory_mb = 128).await.unwrap();
    for folder in ["/tmp", "/dev/shm", "/var/tmp", "/run"] {
        sandbox.is_refused(&format!("cat /dev/zero > {folder}/full"), "No space left on device").await;
    }
    assert_eq!(sandbox.says("df -k --output=size /tmp | tail -1").await, "65536");
    sandbox.destroy().await.unwrap();
}

/// Perl: fills 300 pairs of sockets or pipes, `$pair` makes one, with 2 MiB each, and prints how many MiB they hold.
fn fill(pair: &str) -> String {
    format!(
        "use Socket; use Fcntl; my ($sum, @held); for (1..300) {{ my ($in, $out); {pair} push @held, $in, $out; \
         fcntl($in, F_SETFL, O_NONBLOCK); fcntl($out, F_SETFL, O_NONBLOCK); \
         for (1..64) {{ syswrite($in, 'x' x 32768) or last }} }} \
         for my $out (grep {{ $n++ % 2 }} @held) {{ while (my $read = sysread($out, my $data, 65536)) {{ $sum += $read }} }} \
         print int($sum / 1048576)"
    )
}

const TCP: &str = "if (!$listener) { socket($listener, PF_INET, SOCK_STREAM, 0); \
                   bind($listener, sockaddr_in(0, INADDR_LOOPBACK)); listen($listener, 10) } \
                   socket($in, PF_INET, SOCK_STREAM, 0); setsockopt($in, SOL_SOCKET, SO_SNDBUF, 4 << 20); \
                   connect($in, getsockname $listener); accept($out, $listener);";
const UDP: &str = "socket($out, PF_INET, SOCK_DGRAM, 0); setsockopt($out, SOL_SOCKET, SO_RCVBUF, 4 << 20); \
                   bind($out, sockaddr_in(0, INADDR_LOOPBACK)); socket($in, PF_INET, SOCK_DGRAM, 0); \
                   connect($in, getsockname $out);";
const UNIX: &str = "socketpair($in, $out, PF_UNIX, SOCK_STREAM, 0); setsockopt($in, SOL_SOCKET, SO_SNDBUF, 4 << 20);";
const PIPE: &str = "pipe($out, $in); fcntl($in, 1031, 1 << 20);";

const SHARED: &str = "for (1..64) { my $id = shmget(0, 4 << 20, 0600 | 512); \
                      shmwrite($id, 'x' x (4 << 20), 0, 4 << 20) or exit 3 } print 256";

#[tokio::test]
async fn what_the_kernel_holds_for_a_sandbox_counts_as_its_memory() {
    let host = Host::new();
    let (sandbox, other) = (host.sandbox(), host.running().await);
    if other.has("perl").await && host.has_groups().await {
        for attack in [fill(TCP), fill(UDP), fill(UNIX), fill(PIPE), SHARED.to_owned()] {
            sandbox.start_with(|spec| spec.limits.memory_mb = 128).await.unwrap();
            let request = json!({ "cmd": "perl", "args": ["-e", attack] }).to_string();
            // What is counted with the rest ends a process: this one, or the agent and so the sandbox.
            if let Ok((_, answer)) = sandbox.post("/run", request).await {
                let held = answer["stdout"].as_str().unwrap().parse::<u64>().ok();
                assert!(held.map_or(answer["exit_code"] == 137, |held| (1..128).contains(&held)), "{attack}: {answer}");
            }
        }
    }
    assert_eq!(other.says("echo on").await, "on");
    sandbox.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn a_fork_bomb_stays_in_its_sandbox() {
    let host = Host::with(|config| config.max_processes = 64);
    let (sandbox, other) = (host.running().await, host.running().await);
    if sandbox.has("perl").await {
        let bomb = "my $n = 0; while ($n < 1000) { my $p = fork; last if !defined $p; if (!$p) { sleep 1000 } $n++ } \
                    print \"$n $!\"";
        let exploded = sandbox.perl(bomb).await;
        let (count, why) = exploded.stdout.split_once(' ').unwrap();
        assert!((32..64).contains(&count.parse::<u32>().unwrap()), "{exploded:?}");
        assert_eq!(why, "Resource temporarily unavailable");
        let tasks = host.driver.stats(&sandbox.id).await;
        assert!(tasks.task_current.unwrap() <= 64.0 && tasks.task_max == Some(64.0), "{tasks:?}");
    }
    assert_eq!(other.says("echo still here | cat").await, "still here");
    sandbox.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

/// A number in the host's `/proc/sys`.
fn setting(name: &str) -> u64 {
    fs::read_to_string(format!("/proc/sys/{name}")).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn all_sandboxes_together_leave_processes_to_the_host() {
    let host = Host::new();
    let sandbox = host.running().await;
    let parents: Vec<PathBuf> = sandbox.groups().await.iter().map(|group| group.parent().unwrap().to_owned()).collect();
    let limits: Vec<String> =
        parents.iter().filter_map(|parent| fs::read_to_string(parent.join("pids.max")).ok()).collect();
    assert_eq!(!limits.is_empty(), host.has_groups().await);
    let of_machine = setting("kernel/pid_max").min(setting("kernel/threads-max"));
    for limit in limits {
        assert!(limit.trim().parse::<u64>().unwrap() <= of_machine / 4 * 3, "{limit} of {of_machine}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_processes_of_a_sandbox_leave_open_files_to_the_host() {
    let host = Host::new();
    let sandbox = host.running().await;
    let of_each: u64 = sandbox.says("ulimit -Hn").await.parse().unwrap();
    let processes = host.driver.limits_level().await.processes.unwrap();
    assert!(of_each == 256 || of_each * processes <= setting("fs/file-max") / 4, "{of_each} of each");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_sandbox_with_the_most_open_files_is_ended_when_the_machines_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let file_nr = folder.path().join("file-nr");
    let host = Host::with(|config| config.file_nr = file_nr.clone());
    let (sandbox, other) = (host.running().await, host.running().await);
    if !sandbox.has("perl").await {
        return;
    }
    // No process has many.
    let open = "for my $p (1..8) { next if fork; my @f; \
                for (1..200) { open my $f, '<', '/dev/null' or die; push @f, $f } \
                open my $t, '>', \"open-$p\"; sleep 1000 }";
    fs::write(sandbox.home.join("workspace/open.pl"), open).unwrap();
    sandbox.says("perl open.pl > /dev/null 2>&1 &").await;
    until("all files are open", async || sandbox.says("ls open-* 2> /dev/null | wc -l").await == "8").await;
    fs::write(&file_nr, "751\t0\t1000\n").unwrap();
    let cause = host.next_cause().await;
    assert_eq!((cause.reason.as_str(), cause.recommendation.is_some()), ("open_files_exhausted", true));
    // It has few open files, though the machine is still said to be full.
    assert_eq!(other.says("sleep 1; echo on").await, "on");
    sandbox.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn processor_time_is_bounded() {
    let host = Host::new();
    let sandbox = host.running().await;
    if sandbox.has("perl").await && host.driver.limits_level().await.cpu {
        // Two at once, for a second: what both got together.
        let burn = "use Time::HiRes 'time'; my $end = time + 1; for (1..2) { if (!fork) { 1 while time < $end; exit } } \
                    wait; wait; my @t = times; print $t[2] + $t[3]";
        let used: f64 = sandbox.perl(burn).await.stdout.parse().unwrap();
        assert!(used < 1.3, "{used} s of CPU time in a second on one CPU");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_busy_sandbox_gives_way_to_the_others_until_it_is_calm() {
    let host = Host::new();
    let sandbox = host.running().await;
    let groups = sandbox.groups().await;
    if let Some(group) = groups.iter().find(|group| group.join("cpu.idle").exists()) {
        let is_idle = async |value: &str| fs::read_to_string(group.join("cpu.idle")).unwrap().trim() == value;
        assert!(is_idle("0").await);
        sandbox.says("echo > busy; sh -c 'while [ -e busy ]; do :; done' > /dev/null 2>&1 &").await;
        until("it gives way", async || is_idle("1").await).await;
        sandbox.says("rm busy").await;
        until("it takes turns again", async || is_idle("0").await).await;
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_fork_bomb_is_slowed_down_until_it_is_over() {
    let host = Host::new();
    let sandbox = host.running().await;
    for group in sandbox.groups().await {
        let share = async || {
            let read = |file: &str| fs::read_to_string(group.join(file)).ok();
            read("cpu.max")
                .or_else(|| Some(format!("{} {}", read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?)))
        };
        let Some(full) = share().await else { continue };
        sandbox.says("echo 'while [ -e bomb ]; do sh bomb & done' > bomb; sh bomb > /dev/null 2>&1 &").await;
        until("it gets a fifth", async || share().await.unwrap().trim() == "2000 10000").await;
        // Out here: in there is no room for another process.
        fs::remove_file(sandbox.home.join("workspace/bomb")).unwrap();
        until("it gets all of its own again", async || share().await.as_ref() == Some(&full)).await;
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn one_file_is_no_larger_than_the_home_may_be() {
    let host = Host::new();
    let sandbox = host.sandbox();
    sandbox.start_with(|spec| spec.limits.disk_size_mb = 4).await.unwrap();
    let full = sandbox.run("head -c 8M /dev/zero > big").await;
    assert_ne!(full.exit_code, 0, "{full:?}");
    assert_eq!(sandbox.says("stat -c %s big").await, (4 << 20).to_string());
    sandbox.is_refused("ulimit -f unlimited", "").await;
    sandbox.destroy().await.unwrap();
}

impl Host {
    /// Why the next runtime ends by itself.
    async fn next_cause(&self) -> Diagnostic {
        let RuntimeNotice::Exited { cause, generation: 7, .. } = self.next_exit().await else { panic!() };
        cause.unwrap()
    }
}

/// Runs a command until the sandbox is ended under it.
async fn until_ended(sandbox: &Sandbox<'_>, command: &str) {
    until_request_fails(sandbox, json!({ "cmd": command })).await;
}

async fn until_request_fails(sandbox: &Sandbox<'_>, request: serde_json::Value) {
    let answer = tokio::time::timeout(Duration::from_secs(180), sandbox.post("/run", request.to_string())).await;
    assert!(matches!(answer, Ok(Err(_))), "it was not ended by {request}: {answer:?}");
}

#[tokio::test]
async fn a_full_home_ends_its_sandbox_alone_and_there_is_room_to_clean_up() {
    let host = Host::new();
    let (sandbox, other) = (host.sandbox(), host.running().await);
    let small = |spec: &mut RuntimeSpec| spec.limits.disk_size_mb = 32;
    sandbox.start_with(small).await.unwrap();
    until_ended(&sandbox, "for n in $(seq 100); do head -c 4M /dev/zero > $n; done; sleep 100").await;
    // As far as it gets before it is ended.
    for n in 101..130 {
        fs::write(sandbox.home.join(format!("workspace/{n}")), vec![0; 1 << 20]).unwrap();
    }
    let cause = host.next_cause().await;
    assert_eq!((cause.reason.as_str(), cause.recommendation.is_some()), ("home_full", true));
    assert_eq!(cause.message, "its home is full: the files in /root may take 32 MiB together");
    sandbox.start_with(small).await.unwrap();
    // What was cleaned up does not grow back, …
    until_ended(&sandbox, "rm 11? 10?; while :; do sleep 1; head -c 16M /dev/zero > x; sleep 1; rm x; done").await;
    assert_eq!(host.next_cause().await.reason, "home_full");
    sandbox.start_with(small).await.unwrap();
    sandbox.says("rm [2-9] ??*; ls").await;
    // … and what fits again is bounded as it was before.
    let fill = "for n in $(seq 200 209); do head -c 4M /dev/zero > $n; done";
    until_ended(&sandbox, &format!("while :; do sleep 1; {fill}; sleep 1; rm 2??; done")).await;
    assert_eq!(host.next_cause().await.reason, "home_full");
    assert_eq!(other.says("echo on").await, "on");
    sandbox.destroy().await.unwrap();
    other.destroy().await.unwrap();
}

#[tokio::test]
async fn a_home_is_full_of_deleted_files_of_empty_ones_and_of_bottomless_folders() {
    let host = Host::new();
    let deleted = "for n in 1 2 3 4 5 6 7 8; do exec 9> x; head -c 4M /dev/zero >&9; rm x; \
                   perl -e 'sleep 100' & done; wait";
    let empty = "n=0; while :; do n=$((n+1)); : > $n; done";
    let deep = "while :; do mkdir x && cd x || sleep 100; done";
    for fill in [deleted, empty, deep] {
        let sandbox = host.sandbox();
        sandbox.start_with(|spec| spec.limits.disk_size_mb = 16).await.unwrap();
        until_ended(&sandbox, fill).await;
        assert_eq!(host.next_cause().await.reason, "home_full", "{fill}");
        sandbox.destroy().await.unwrap();
    }
}

/// In a sandbox whose home may take 64 MiB, writes `MIB` mebibytes in files of 4, each of which it deletes and then holds on to
/// by `hold`, where `$f` is open.
fn hiding(mebibytes: u32, hold: &str) -> String {
    format!(
        "use IO::Handle; use Socket; my @kept; my $x86 = `uname -m` =~ /x86_64/; $| = 1; \
         for my $n (1 .. {mebibytes} / 4) {{ open my $f, '+>', 'x' or die; print $f 'x' x (4 << 20); $f->flush; unlink 'x'; \
         {hold} select undef, undef, undef, 0.05; }} sleep 1000"
    )
}

#[tokio::test]
async fn a_home_is_full_of_deleted_files_that_are_mapped_or_wait_in_sockets() {
    let mapped = "syscall($x86 ? 9 : 222, 0, 4096, 1, 1, fileno $f, 0) > 0 or die $!; close $f;";
    // `sendmsg` with the descriptor as `SCM_RIGHTS`.
    let sent = "socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, 0) or die $!; push @kept, $one, $two; my $data = 'x'; \
                my $iov = pack('P Q', $data, 1); my $rights = pack('Q i i i x4', 20, 1, 1, fileno $f); \
                my $message = pack('Q Q P Q P Q Q', 0, 0, $iov, 1, $rights, 24, 0); \
                syscall($x86 ? 46 : 211, fileno $one, $message, 0) == 1 or die $!; close $f;";
    let host = Host::new();
    for hold in [mapped, sent] {
        let sandbox = host.sandbox();
        sandbox.start_with(|spec| spec.limits.disk_size_mb = 64).await.unwrap();
        if sandbox.has("perl").await {
            let script = hiding(400, hold);
            until_request_fails(&sandbox, json!({ "cmd": "perl", "args": ["-e", script] })).await;
            let cause = host.next_cause().await;
            assert_eq!(cause.reason, "home_full", "{cause:?}");
        }
        sandbox.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn a_home_of_a_million_names_keeps_no_other_from_being_measured() {
    // In memory, where a million names are made in seconds.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let host = Host::in_folder(folder, |_| {});
    let (crowded, other) = (host.running().await, host.sandbox());
    let original = crowded.home.join("original");
    fs::write(&original, "").unwrap();
    for name in 0..1_000_001 {
        fs::hard_link(&original, crowded.home.join(name.to_string())).unwrap();
    }
    other.start_with(|spec| spec.limits.disk_size_mb = 16).await.unwrap();
    until_ended(&other, "for n in $(seq 100); do head -c 4M /dev/zero > $n; done; sleep 100").await;
    // The crowded one ends as well, unless the machine is so busy that it can't be looked through.
    while !host.next_cause().await.message.contains("16 MiB") {}
    for sandbox in [crowded, other] {
        sandbox.destroy().await.unwrap();
    }
    let trash = host.folder.path().join("trash");
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    while fs::read_dir(&trash).unwrap().next().is_some() {
        assert!(std::time::Instant::now() < deadline, "the files are still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn open_files_are_bounded() {
    let host = Host::new();
    let sandbox = host.running().await;
    if sandbox.has("perl").await {
        let open = "my @f; my $n = 0; while (open my $f, '<', '/dev/null') { push @f, $f; $n++ } print \"$n $!\"";
        let opened = sandbox.perl(open).await;
        let (count, why) = opened.stdout.split_once(' ').unwrap();
        assert!(count.parse::<u32>().unwrap() < 4096, "{opened:?}");
        assert_eq!(why, "Too many open files");
    }
    assert_eq!(sandbox.says("echo on").await, "on");
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_sandbox_runs_outside_of_its_groups_and_they_go_with_it() {
    let host = Host::new();
    if !host.has_groups().await {
        return;
    }
    let sandbox = host.sandbox();
    let first_look = "cat /proc/self/cgroup > /root/groups";
    sandbox.start_with(|spec| spec.start_command = Some(first_look.into())).await.unwrap();
    let seen = fs::read_to_string(sandbox.home.join("groups")).unwrap();
    for controller in [":memory:", ":pids:"] {
        let line = seen.lines().find(|line| line.contains(controller)).or(seen.lines().next()).unwrap();
        assert!(line.ends_with(&sandbox.id), "{seen}");
    }
    let groups = sandbox.groups().await;
    let members: Vec<String> =
        groups.iter().map(|group| fs::read_to_string(group.join("cgroup.procs")).unwrap()).collect();
    for pid in sandbox.pid_namespace().await.members() {
        assert!(!members.is_empty() && members.iter().all(|list| list.lines().any(|member| member == pid.to_string())));
    }
    sandbox.stop().await;
    assert!(groups.iter().all(|group| !group.exists()));
    let parents: Vec<PathBuf> = groups.iter().map(|group| group.parent().unwrap().to_owned()).collect();
    assert!(parents.iter().all(|parent| parent.exists()));
    host.driver.shut_down().await;
    assert!(parents.iter().all(|parent| !parent.exists()));
}

#[tokio::test]
async fn what_a_killed_engine_left_in_its_groups_is_ended_at_the_next_start() {
    let host = Host::new();
    if !host.has_groups().await {
        return;
    }
    let sandbox = host.running().await;
    let left: Vec<PathBuf> = sandbox.groups().await.iter().map(|group| group.with_file_name("sb-left")).collect();
    let mut stray = Stray(Command::new("sleep").arg("1000").spawn().unwrap());
    for group in &left {
        fs::create_dir(group).unwrap();
        fs::write(group.join("cgroup.procs"), stray.0.id().to_string()).unwrap();
    }
    sandbox.stop().await;
    let host = Host::in_folder(host.folder, |_| {});
    assert!(left.iter().all(|group| !group.exists()));
    assert_eq!(stray.0.wait().unwrap().to_string(), "signal: 9 (SIGKILL)");
    host.driver.shut_down().await;
}

#[tokio::test]
async fn rates_of_a_constant_load_are_constant_however_often_they_are_read() {
    let host = Host::new();
    let sandbox = host.running().await;
    let busy = async || sandbox.run("timeout 4 sh -c 'while :; do :; done'").await;
    let reads = async || {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        for _ in 0..50 {
            let metrics = host.driver.stats(&sandbox.id).await;
            let rate = metrics.cpu_user_rate.unwrap() + metrics.cpu_system_rate.unwrap();
            // What a busy machine leaves to it, and no more than its processor and what it is ahead by.
            assert!((0.02..1.5).contains(&rate), "{rate}");
            // The agent's own, of what it sees in its `/proc`.
            let (_, metrics) = sandbox.request(Method::GET, "/metrics", "").await.unwrap();
            let used = metrics["cpu_used_pct"].as_f64().unwrap();
            assert!((2.0..150.0).contains(&used), "{used}");
        }
    };
    tokio::join!(busy(), reads());
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn metrics_are_the_sandboxs_own() {
    let host = Host::new();
    let sandbox = host.running().await;
    let first = host.driver.stats(&sandbox.id).await;
    assert_eq!((first.error, first.load1, first.cpu_steal_rate), (None, None, None));
    assert!(first.task_current.unwrap() < 20.0, "{:?} tasks are the host's", first.task_current);
    assert!(first.cpu_user_rate.is_some() && first.network_recv_bytes_per_second == Some(0.0));
    if host.has_groups().await {
        assert!(first.memory_usage_percent.unwrap() < 50.0);
        assert!(first.memory_available_bytes.unwrap() <= (512 << 20) as f64);
        assert_eq!(first.swap_total_bytes, Some(0.0));
        sandbox.says("head -c 100M /dev/zero > /tmp/held").await;
        let held = host.driver.stats(&sandbox.id).await;
        let grown = first.memory_available_bytes.unwrap() - held.memory_available_bytes.unwrap();
        assert!(grown > (90 << 20) as f64, "{grown}");
    }
    sandbox.says("(while :; do :; done) > /dev/null 2>&1 &").await;
    until("its CPU time shows", async || host.driver.stats(&sandbox.id).await.cpu_user_rate.unwrap() > 0.01).await;
    sandbox.says("(while :; do head -c 1M /dev/zero > written; sync written; done) > /dev/null 2>&1 &").await;
    let on_disk = async || host.driver.stats(&sandbox.id).await.disk_write_bytes_per_second.unwrap() > 0.0;
    if !is_root() || fs::read_to_string("/proc/self/io").is_ok() {
        until("what it writes shows", on_disk).await;
    }
    sandbox.destroy().await.unwrap();
}
