use nix::sys::resource::{Resource, getrlimit};
use rustix::fs::inotify;
use sandbar_engine::driver::LimitsLevel;
use sandbar_protocol::Diagnostic;

use super::finding::{Finding, comment};
use super::system::System;

const INOTIFY: &str = "inotify";
const INSTANCES: &str = "fs.inotify.max_user_instances";
const WATCHES: &str = "fs.inotify.max_user_watches";
/// What most systems have; sandboxes that watch files take some of them.
const FEW_INSTANCES: u64 = 128;
const FEW_WATCHES: u64 = 8_192;

const OPEN_FILES: &str = "open files";
/// A sandbox takes a few; below this, hundreds of sandboxes are too many.
const FEW_FILES: u64 = 4_096;
const MANY_FILES: u64 = 65_536;

/// What holds the limits of sandboxes, in the driver's words.
pub(super) fn of_sandboxes(found: &Result<LimitsLevel, Diagnostic>) -> Finding {
    const CHECK: &str = "limits";
    match found {
        Err(diagnostic) => Finding::problem(
            CHECK,
            &diagnostic.message,
            comment(diagnostic.recommendation.as_deref().unwrap_or_default()),
        ),
        Ok(level) if level.cpu && level.memory && level.processes.is_some() => Finding::ok(CHECK, level.to_string()),
        Ok(level) => Finding::warning(
            CHECK,
            level.to_string(),
            "systemd-run --user --scope -p Delegate=yes sandbar serve\n# in a service's unit: Delegate=yes; without \
             systemd: start it as root",
        ),
    }
}

pub(super) fn inotify(system: &System) -> Finding {
    let few = [(INSTANCES, FEW_INSTANCES), (WATCHES, FEW_WATCHES)];
    let few = few.into_iter().find(|(name, least)| system.sysctl(name).is_some_and(|most| most < *least));
    if let Err(error) = inotify::init(inotify::CreateFlags::CLOEXEC) {
        let fix = system.set_sysctl(INSTANCES, 1_024);
        return Finding::problem(INOTIFY, format!("no file can be watched: {error}"), fix);
    }
    match few {
        None => Finding::ok(INOTIFY, "files can be watched"),
        Some((name, least)) => {
            let message = format!("{name} is {}: few files can be watched", system.sysctl(name).unwrap_or_default());
            Finding::warning(INOTIFY, message, system.set_sysctl(name, least * 8))
        }
    }
}

pub(super) fn open_files(system: &System) -> Finding {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Err(error) => Finding::warning(OPEN_FILES, format!("the limit can't be read: {error}"), "ulimit -Hn"),
        Ok((_, most)) if most < FEW_FILES => {
            let tee = system.as_root("tee");
            let message = format!("at most {most} open files: enough for some hundred sandboxes, not for more");
            let fix = format!(
                "echo \"$USER hard nofile {MANY_FILES}\" | {tee} /etc/security/limits.d/60-sandbar.conf  # then log in \
                 again\n# in a service's unit: LimitNOFILE={MANY_FILES}"
            );
            Finding::warning(OPEN_FILES, message, fix)
        }
        Ok((_, most)) => Finding::ok(OPEN_FILES, format!("up to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::system::tests::machine;
    use super::*;

    #[test]
    fn limits_that_do_not_hold_are_a_warning() {
        let mut level =
            LimitsLevel { name: "rlimits".into(), cpu: false, memory: false, disk: true, processes: Some(512) };
        let found = of_sandboxes(&Ok(level.clone()));
        assert_eq!(found.level, Level::Warning);
        assert!(found.message.contains("not held: memory, CPU time"), "{}", found.message);
        (level.cpu, level.memory) = (true, true);
        assert_eq!(of_sandboxes(&Ok(level)).level, Level::Ok);
    }

    #[test]
    fn few_watches_are_a_warning() {
        let (system, _root) = machine(&[("proc/sys/fs/inotify/max_user_watches", "100")]);
        let found = inotify(&system);
        assert_eq!(found.level, Level::Warning);
        assert!(found.fix.unwrap().starts_with("echo 'fs.inotify.max_user_watches = 65536'"));
    }
}
