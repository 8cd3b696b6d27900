use sandbar_protocol::Diagnostic;

use super::finding::{Finding, comment};
use super::system::System;
use super::{access_control, container};

const CHECK: &str = "user namespaces";
/// Ubuntu 23.10 and later refuse namespaces to programs without a profile.
const APPARMOR: &str = "kernel.apparmor_restrict_unprivileged_userns";
/// Debian's and Arch's own switch.
const CLONE: &str = "kernel.unprivileged_userns_clone";
const MOST: &str = "user.max_user_namespaces";
/// As root, the engine gives each sandbox a user ID from here on.
const FIRST_UID: u32 = sandbar_engine::driver::FIRST_UID;
/// What most kernels allow.
const USUAL_MOST: u64 = 15_000;

/// Whether the driver could make namespaces; if not, what is in the way. Where `bwrap` does not run, only what surely is.
pub(super) fn findings(system: &System, tried: &Result<(), Diagnostic>, bwrap_is_broken: bool) -> Vec<Finding> {
    let Err(diagnostic) = tried else {
        return vec![Finding::ok(CHECK, "bwrap makes namespaces like a sandbox's")];
    };
    let obstacles = obstacles(system);
    if !obstacles.is_empty() || bwrap_is_broken {
        return obstacles;
    }
    vec![Finding::problem(CHECK, &diagnostic.message, way_out(system, diagnostic))]
}

/// Settings that forbid namespaces.
fn obstacles(system: &System) -> Vec<Finding> {
    let mut found = Vec::new();
    if system.sysctl(CLONE) == Some(0) {
        let message = format!("{CLONE} is 0: only root may make user namespaces");
        found.push(Finding::problem(CHECK, message, system.set_sysctl(CLONE, 1)));
    }
    if system.sysctl(MOST) == Some(0) {
        let message = format!("{MOST} is 0: nobody may make user namespaces");
        found.push(Finding::problem(CHECK, message, system.set_sysctl(MOST, USUAL_MOST)));
    }
    if system.sysctl(APPARMOR) == Some(1) {
        let message = format!("{APPARMOR} is 1, and no AppArmor profile lets bwrap make user namespaces");
        found.push(Finding::problem(CHECK, message, profile(system)));
    }
    if system.is_root && !has_user_id(&system.read("proc/self/uid_map").unwrap_or_default(), FIRST_UID) {
        let message = format!("root of this user namespace has no user ID {FIRST_UID} to give to a sandbox");
        found.push(Finding::problem(
            CHECK,
            message,
            "su -s /bin/sh nobody -c 'sandbar serve --data-dir /var/tmp/sandbar'",
        ));
    }
    found
}

/// Whether a map of user IDs, as in `/proc/self/uid_map`, has one.
fn has_user_id(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&id.into()))
    })
}

/// A profile that allows `bwrap` what AppArmor refuses to programs without one.
fn profile(system: &System) -> String {
    let (tee, parser) = (system.as_root("tee"), system.as_root("apparmor_parser"));
    format!(
        "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) \
         {{\\n  userns,\\n}}\\n' | {tee} /etc/apparmor.d/bwrap && {parser} -r /etc/apparmor.d/bwrap"
    )
}

fn way_out(system: &System, diagnostic: &Diagnostic) -> String {
    let mut fix = Vec::new();
    if is_limit(diagnostic) {
        fix.push(format!("{}\n# around a container: on its host", system.set_sysctl(MOST, USUAL_MOST)));
    } else {
        fix.extend(diagnostic.recommendation.as_deref().map(comment));
    }
    if access_control::selinux_refuses(system) {
        fix.push(format!("{}  # what SELinux has refused", system.as_root("ausearch -m avc -ts recent")));
    }
    if container::manager(system).is_some() {
        fix.push(container::start().to_owned());
    }
    fix.join("\n")
}

/// Whether as many as may be are there: the limit of a user namespace around this one counts as well, and can't be read.
fn is_limit(diagnostic: &Diagnostic) -> bool {
    diagnostic.message.contains("ENOSPC") || diagnostic.message.contains("No space left on device")
}

#[cfg(test)]
mod tests {
    use super::super::system::tests::machine;
    use super::*;

    fn refused() -> Result<(), Diagnostic> {
        Err(Diagnostic::new("bwrap_failed", "bwrap ended (exit status: 1)").recommend("run `bwrap --version`"))
    }

    #[test]
    fn each_setting_that_forbids_namespaces_is_found_with_its_fix() {
        for (file, value, fix) in [
            (
                "proc/sys/kernel/unprivileged_userns_clone",
                "0",
                "echo 'kernel.unprivileged_userns_clone = 1' | sudo tee",
            ),
            ("proc/sys/user/max_user_namespaces", "0", "echo 'user.max_user_namespaces = 15000' | sudo tee"),
            ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "printf 'abi <abi/4.0>"),
        ] {
            let (system, _root) = machine(&[(file, value)]);
            for bwrap_is_broken in [false, true] {
                let [found] = findings(&system, &refused(), bwrap_is_broken).try_into().unwrap();
                assert!(found.is_problem() && found.fix.unwrap().starts_with(fix), "{}", found.message);
            }
            assert!(!findings(&system, &Ok(()), false)[0].is_problem(), "what works is no problem");
        }
    }

    #[test]
    fn root_of_a_user_namespace_needs_user_ids_to_give() {
        assert!(has_user_id("         0          0 4294967295", FIRST_UID));
        assert!(!has_user_id("0 100000 65536\n65536 1 1", FIRST_UID) && !has_user_id("0 0 1", FIRST_UID));
        assert!(has_user_id("0 1000 1\n2000000 2000000 10", FIRST_UID));
    }

    #[test]
    fn what_the_driver_says_counts_where_no_setting_is_to_blame() {
        let (system, _root) = machine(&[]);
        let [found] = findings(&system, &refused(), false).try_into().unwrap();
        assert_eq!(found.message, "bwrap ended (exit status: 1)");
        assert_eq!(found.fix.as_deref(), Some("# run `bwrap --version`"));
        let (system, _root) = machine(&[(".dockerenv", "")]);
        let [found] = findings(&system, &refused(), false).try_into().unwrap();
        assert!(found.fix.unwrap().contains("docker run --user 1000 --security-opt seccomp=unconfined"));
        assert!(findings(&system, &refused(), true).is_empty(), "a broken bwrap is told elsewhere");
    }
}
