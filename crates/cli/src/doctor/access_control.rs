use super::finding::Finding;
use super::system::System;

const CHECK: &str = "access control";

/// Which of the kernel's modules for mandatory access control are on; nothing if none is.
pub(super) fn finding(system: &System) -> Option<Finding> {
    let has_apparmor = system.read("sys/module/apparmor/parameters/enabled").as_deref() == Some("Y");
    let enforced = system.number("sys/fs/selinux/enforce");
    match (has_apparmor, enforced) {
        (true, _) => Some(Finding::ok(CHECK, format!("AppArmor is on; this program runs {}", confinement(system)))),
        (_, Some(1)) => Some(Finding::ok(CHECK, "SELinux is on and enforced")),
        (_, Some(_)) => Some(Finding::ok(CHECK, "SELinux is on, and only writes down what it would refuse")),
        _ => None,
    }
}

fn confinement(system: &System) -> String {
    let profile =
        ["proc/self/attr/apparmor/current", "proc/self/attr/current"].into_iter().find_map(|path| system.read(path));
    match profile.as_deref().map(|profile| profile.trim_end_matches('\0').trim()) {
        None | Some("" | "unconfined") => "unconfined".to_owned(),
        Some(profile) => format!("under the profile {profile}"),
    }
}

/// Whether SELinux refuses things here.
pub(super) fn selinux_refuses(system: &System) -> bool {
    system.number("sys/fs/selinux/enforce") == Some(1)
}
