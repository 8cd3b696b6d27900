//! Sandboxes with a root file system of their own, made from a few of the host's programs.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sandbar_engine::logs::SqliteLogs;
use sandbar_engine::service::{Service, ServiceParts};
use sandbar_engine::store::SqliteStore;
use sandbar_engine::templates::Templates;
use sandbar_engine::{Settings, SystemClock};
use sandbar_protocol::{CreateOptions, PublicState};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Host, Sandbox, is_root, until};

const PROGRAMS: [&str; 9] = ["cat", "head", "id", "ls", "mkdir", "mount", "rm", "sh", "touch"];

/// A folder with a small system in it.
fn system() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    for name in ["usr/bin", "usr/lib", "usr/lib64", "etc", "opt", "var/lib", "var/tmp", "var/log", "root", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    for program in PROGRAMS.map(|name| Path::new("/bin").join(name)) {
        let libraries = Command::new("ldd").arg(&program).output().unwrap();
        let libraries = String::from_utf8(libraries.stdout).unwrap();
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new);
        for path in paths.chain([program.as_path()]) {
            let place = root.join(path.strip_prefix("/").unwrap());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(path, place).unwrap();
        }
    }
    fs::write(root.join("opt/marker"), "mine").unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(root.join("etc/hostname"), "builder\n").unwrap();
    fs::write(root.join("root/hidden"), "").unwrap();
    folder
}

async fn running_in<'a>(host: &'a Host, root: &Path) -> Sandbox<'a> {
    let sandbox = host.sandbox();
    let root = root.to_owned();
    sandbox.start_with(|spec| spec.rootfs = Some(root)).await.unwrap();
    sandbox
}

#[tokio::test]
async fn it_is_all_that_is_there() {
    let (host, system) = (Host::new(), system());
    fs::write(host.folder.path().join("secret"), "secret").unwrap();
    let sandbox = running_in(&host, system.path()).await;
    assert_eq!(sandbox.says("cat /opt/marker").await, "mine");
    let programs = sandbox.says("ls /usr/bin").await;
    assert_eq!(programs.lines().collect::<Vec<_>>(), PROGRAMS);
    let top = "bin dev etc home lib lib64 media mnt opt proc root run srv tmp usr var .sandbar";
    let found = sandbox.says("ls -A /").await;
    let strange: Vec<&str> = found.lines().filter(|name| !top.split(' ').any(|known| known == *name)).collect();
    assert_eq!(strange, Vec::<&str>::new());
    assert_eq!(sandbox.says("cat /etc/hostname /proc/sys/kernel/hostname").await, "sandbox\nsandbox");
    assert_eq!(sandbox.says("ls -A /root").await, "workspace");
    for path in [host.folder.path(), system.path(), Path::new("/usr/bin/env"), Path::new("/etc/ssl")] {
        sandbox.is_refused(&format!("ls -d {0} /proc/1/root/{0}", path.display()), "No such file").await;
    }
    assert!(!is_root() || !sandbox.is_mounted(), "it was shown for the start alone");
    sandbox.destroy().await.unwrap();
    assert_eq!(fs::read_dir(system.path()).unwrap().count(), 9, "nothing was added to it");
}

#[tokio::test]
async fn it_is_read_only_and_what_is_kept_in_memory_is_bounded() {
    let (host, system) = (Host::new(), system());
    let sandbox = running_in(&host, system.path()).await;
    for folder in ["/", "/usr", "/usr/bin", "/bin", "/etc", "/opt", "/var", "/var/lib", "/home", "/.sandbar", "/dev"] {
        sandbox.is_refused(&format!("touch {folder}/x"), "Read-only file system").await;
    }
    for file in ["/opt/marker", "/etc/hostname", "/usr/bin/sh", "/.sandbar/agent"] {
        sandbox.is_refused(&format!("echo x > {file}"), "").await;
    }
    for folder in ["/root", "/root/workspace", "/tmp", "/run", "/var/tmp", "/var/log", "/dev/shm"] {
        sandbox.says(&format!("echo x > {folder}/x && cat {folder}/x")).await;
    }
    for (folder, mib) in [("/dev/shm", 65), ("/run", 17), ("/var/tmp", 21), ("/var/log", 21)] {
        let fill = format!("head -c {mib}M /dev/zero > {folder}/full");
        sandbox.is_refused(&fill, "No space left on device").await;
    }
    sandbox.destroy().await.unwrap();
    assert_eq!(fs::read_to_string(system.path().join("opt/marker")).unwrap(), "mine");
}

#[tokio::test]
async fn the_walls_are_the_same() {
    let (host, system) = (Host::new(), system());
    let sandbox = running_in(&host, system.path()).await;
    assert_eq!(sandbox.says("id -u; id -g").await, "0\n0");
    let status = sandbox.says("cat /proc/[0-9]*/status").await;
    let values = |name: &str| -> HashSet<&str> {
        status.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).collect()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(values(set), HashSet::from(["0000000000000000"]), "{set}");
    }
    assert_eq!((values("NoNewPrivs"), values("Seccomp")), (HashSet::from(["1"]), HashSet::from(["2"])));
    sandbox.is_refused("echo 1 > /proc/sys/kernel/core_pattern", "Read-only file system").await;
    sandbox.is_refused("mount -o remount,rw,bind /opt", "permission denied").await;
    sandbox.is_refused("ls /sys", "No such file").await;
    assert_eq!(sandbox.says("ls /proc/self/fd").await, "0\n1\n2\n3", "the last one is the listing itself");
    let interfaces = sandbox.says("cat /proc/net/dev").await;
    assert_eq!(interfaces.lines().filter(|line| line.contains(':')).count(), 1, "{interfaces}");
    let mounts = sandbox.says("cat /proc/self/mounts").await;
    let own = mounts.lines().filter(|line| ["/opt", "/usr", "/etc", "/var"].contains(&line.split(' ').nth(1).unwrap()));
    let options: Vec<&str> = own.map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(options.len(), 4, "{mounts}");
    for options in options {
        let options: Vec<&str> = options.split(',').collect();
        assert!(["ro", "nosuid", "nodev"].iter().all(|option| options.contains(option)), "{options:?}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn links_in_it_lead_nowhere_else() {
    let (host, system) = (Host::new(), system());
    let secret = host.folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let root = system.path();
    fs::remove_file(root.join("etc/hostname")).unwrap();
    symlink(&secret, root.join("etc/hostname")).unwrap();
    symlink(&secret, root.join("etc/hosts")).unwrap();
    fs::remove_dir(root.join("var/tmp")).unwrap();
    symlink(host.folder.path(), root.join("var/tmp")).unwrap();
    symlink(host.folder.path(), root.join("srv")).unwrap();
    fs::remove_dir(root.join("tmp")).unwrap();
    symlink(host.folder.path(), root.join("tmp")).unwrap();
    let sandbox = running_in(&host, root).await;
    for path in ["/etc/hostname", "/etc/hosts", "/var/tmp/secret", "/srv/secret", "/tmp/secret"] {
        sandbox.is_refused(&format!("cat {path}"), "No such file").await;
    }
    sandbox.says("touch /tmp/x").await;
    assert!(!host.folder.path().join("x").exists());
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn it_is_held_for_as_long_as_the_sandbox_runs() {
    let (host, system) = (Host::new(), system());
    let is_free = || fs::File::open(system.path()).unwrap().try_lock().is_ok();
    let (one, other) = (running_in(&host, system.path()).await, running_in(&host, system.path()).await);
    assert!(!is_free());
    one.stop().await;
    assert!(!is_free());
    other.stop().await;
    // A process that a neighbouring test starts holds all descriptors until it is another program.
    until("it is free", async || is_free()).await;
}

#[tokio::test]
async fn one_that_is_gone_or_no_root_is_told_at_the_start() {
    let host = Host::new();
    let refused = async |root: PathBuf| host.sandbox().start_with(|spec| spec.rootfs = Some(root)).await.unwrap_err();
    let gone = refused("/nonexistent/root".into()).await;
    assert_eq!(gone.reason, "rootfs_broken");
    assert!(gone.message.contains("/nonexistent/root") && gone.recommendation.is_some(), "{gone:?}");
    let folder = tempfile::tempdir().unwrap();
    for number in 0..100 {
        fs::write(folder.path().join(format!("file-{number}")), "").unwrap();
    }
    let crowded = refused(folder.path().to_owned()).await;
    assert_eq!(crowded.reason, "rootfs_broken");
    assert!(crowded.message.contains("more than 64 entries"), "{crowded:?}");
}

#[tokio::test]
async fn commands_start_in_the_workdir_which_is_made_where_it_can_be() {
    let host = Host::new();
    let sandbox = host.sandbox();
    let in_workdir = async |workdir: &str| sandbox.start_with(|spec| spec.workdir = Some(workdir.to_owned())).await;
    in_workdir("/root/app/deep").await.unwrap();
    assert_eq!(sandbox.says("pwd; mkdir sub").await, "/root/app/deep");
    assert_eq!(sandbox.execute(json!({ "cmd": "pwd", "cwd": "sub" })).await.stdout, "/root/app/deep/sub\n");
    assert_eq!(sandbox.execute(json!({ "cmd": "pwd", "args": [], "cwd": "/usr" })).await.stdout, "/usr\n");
    sandbox.stop().await;
    in_workdir("/usr/bin").await.unwrap();
    assert_eq!(sandbox.says("pwd").await, "/usr/bin");
    sandbox.stop().await;
    let refused = in_workdir("/opt/app").await.unwrap_err();
    assert_eq!(refused.reason, "workdir_unusable");
    assert!(refused.message.contains("there is no folder /opt/app, and it can't be made: Read-only"), "{refused:?}");
    sandbox.start().await.unwrap();
    sandbox.says("rm -r /root/workspace").await;
    sandbox.stop().await;
    sandbox.start().await.unwrap();
    assert_eq!(sandbox.says("pwd").await, "/root/workspace", "made anew");
    sandbox.destroy().await.unwrap();
}

/// A service over real sandboxes, with a template `tpl-tiny` whose root file system is a tar.
async fn service(host: &Host, system: &TempDir) -> Service {
    let templates = host.folder.path().join("templates");
    fs::create_dir_all(&templates).unwrap();
    pack(system, &templates.join("tiny.tar.gz"));
    let definition = "rootfs = 'tiny.tar.gz'\nstart_command = 'echo started > from-start'\nworkdir = '/root/app'";
    fs::write(templates.join("tpl-tiny.toml"), definition).unwrap();
    let store = Arc::new(SqliteStore::open(&host.folder.path().join("engine.db")).await.unwrap());
    let templates = Templates::in_data_dir(host.folder.path());
    let logs = Arc::new(SqliteLogs::open(&host.folder.path().join("logs.db")).await.unwrap());
    let (driver, clock) = (host.driver.clone(), Arc::new(SystemClock));
    Service::start(ServiceParts { store, logs, driver, clock, templates }, Settings::default()).await.unwrap()
}

fn pack(system: &TempDir, tar: &Path) {
    let packed = Command::new("tar").args(["-czf"]).arg(tar).args(["-C"]).arg(system.path()).arg(".").status();
    assert!(packed.unwrap().success());
}

/// A running sandbox of `tpl-tiny`.
async fn tiny<'a>(host: &'a Host, service: &Service) -> Sandbox<'a> {
    let options = json!({ "templateID": "tpl-tiny", "waitReady": true });
    let record = service.create(CreateOptions::from_json(&options).unwrap(), None, None).await.unwrap().record;
    assert_eq!(record.state.public(), PublicState::Running, "{record:?}");
    host.sandbox_named(record.id)
}

fn unpacked(host: &Host) -> Vec<PathBuf> {
    fs::read_dir(host.folder.path().join("rootfs")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_tar_is_unpacked_once_for_all_that_want_it() {
    let (host, system) = (Host::new(), system());
    let service = service(&host, &system).await;
    let (one, other) = tokio::join!(tiny(&host, &service), tiny(&host, &service));
    assert_eq!(unpacked(&host).len(), 1);
    for sandbox in [&one, &other] {
        assert_eq!(sandbox.says("pwd; cat from-start /opt/marker").await, "/root/app\nstarted\nmine");
        let phases = service.detail(&sandbox.id).await.unwrap().timeline;
        assert!(phases.iter().any(|event| event.phase == "rootfs"), "{phases:?}");
    }
    let later = tiny(&host, &service).await;
    assert!(!service.detail(&later.id).await.unwrap().timeline.iter().any(|event| event.phase == "rootfs"));
    service.shut_down().await;
}

#[tokio::test]
async fn a_new_tar_is_another_root_and_leaves_the_old_one_to_those_that_run() {
    let (host, system) = (Host::new(), system());
    let service = service(&host, &system).await;
    let old = tiny(&host, &service).await;
    fs::write(system.path().join("opt/marker"), "new").unwrap();
    pack(&system, &host.folder.path().join("templates/tiny.tar.gz"));
    let new = tiny(&host, &service).await;
    assert_eq!((old.says("cat /opt/marker").await, new.says("cat /opt/marker").await), ("mine".into(), "new".into()));
    assert_eq!(unpacked(&host).len(), 2);
    service.shut_down().await;
}

#[tokio::test]
async fn a_tar_that_is_no_system_fails_the_start_and_leaves_nothing() {
    let (host, system) = (Host::new(), system());
    fs::remove_file(system.path().join("usr/bin/sh")).unwrap();
    let service = service(&host, &system).await;
    let options = json!({ "templateID": "tpl-tiny", "waitReady": true });
    let record = service.create(CreateOptions::from_json(&options).unwrap(), None, None).await.unwrap().record;
    let diagnostic = record.diagnostic.unwrap();
    assert_eq!((record.state.public(), diagnostic.reason.as_str()), (PublicState::Failed, "rootfs_broken"));
    assert!(diagnostic.message.contains("tiny.tar.gz") && diagnostic.message.contains("bin/sh"), "{diagnostic:?}");
    assert_eq!(unpacked(&host), Vec::<PathBuf>::new());
    until("nothing of it is there", async || host.sandbox_named(record.id.clone()).is_gone()).await;
    service.shut_down().await;
}
