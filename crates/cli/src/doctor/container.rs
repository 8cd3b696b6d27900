use super::finding::Finding;
use super::system::System;

const CHECK: &str = "container";

/// Files that container managers put into containers.
const MARKS: [(&str, &str); 3] = [(".dockerenv", "Docker"), ("run/.containerenv", "Podman"), ("dev/.lxc", "LXC")];
/// What the names of their control groups have in them.
const GROUPS: [(&str, &str); 4] =
    [("kubepods", "Kubernetes"), ("docker", "Docker"), ("libpod", "Podman"), ("lxc", "LXC")];

/// Whether this is inside a container, and of whom.
pub(super) fn manager(system: &System) -> Option<&'static str> {
    let marked = MARKS.into_iter().find(|(file, _)| system.has(file));
    let groups = system.read("proc/1/cgroup").unwrap_or_default();
    let named = || GROUPS.into_iter().find(|(part, _)| groups.contains(part));
    let found = marked.or_else(named).map(|(_, name)| name);
    found.or_else(|| system.has("run/systemd/container").then_some("systemd-nspawn or the like"))
}

pub(super) fn finding(system: &System) -> Finding {
    match manager(system) {
        None => Finding::ok(CHECK, "not inside a container"),
        Some(manager) => Finding::ok(CHECK, format!("inside a container ({manager})")),
    }
}

/// How a container is started in which sandboxes can be made.
pub(super) const fn start() -> &'static str {
    "# start the container so, and in it the engine as an ordinary user:\n\
     docker run --user 1000 --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
     systempaths=unconfined …"
}

#[cfg(test)]
mod tests {
    use super::super::system::tests::machine;
    use super::*;

    #[test]
    fn containers_are_told_by_their_marks_and_groups() {
        for (files, expected) in [
            (&[][..], None),
            (&[("proc/1/cgroup", "0::/init.scope")], None),
            (&[(".dockerenv", "")], Some("Docker")),
            (&[("run/.containerenv", "engine=podman")], Some("Podman")),
            (&[("proc/1/cgroup", "0::/kubepods.slice/x")], Some("Kubernetes")),
            (&[("run/systemd/container", "nspawn")], Some("systemd-nspawn or the like")),
        ] {
            let (system, _root) = machine(files);
            assert_eq!(manager(&system), expected, "{files:?}");
        }
    }
}
