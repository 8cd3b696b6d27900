//! Where this process may make groups.

use std::fs;
use std::io;
use std::path::Path;

use super::{Group, Version, write};

/// The group of an engine moves in here, where its own must be empty to have children.
const LEAF: &str = "sandbar-engine";
/// What a sandbox's limits need; `cpu` is taken if it is there.
const NEEDED: [&str; 2] = ["memory", "pids"];
const WANTED: [&str; 3] = ["memory", "pids", "cpu"];

/// A group of that name, made where it can have children with limits: version 2 if it is delegated to us, else
/// version 1; `None` if neither is.
pub(in crate::driver::bubblewrap) fn find(name: &str) -> Option<Group> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    unified(&mounts, &own, name).or_else(|| legacy(&mounts, name))
}

/// One mount of the kernel's list.
struct Mount<'a> {
    /// What of the hierarchy is shown.
    root: &'a str,
    folder: &'a Path,
    kind: &'a str,
    options: &'a str,
}

fn mounts(list: &str) -> impl Iterator<Item = Mount<'_>> {
    list.lines().filter_map(|line| {
        let (place, source) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut source = source.split(' ');
        Some(Mount {
            root: place.next()?,
            folder: Path::new(place.next()?),
            kind: source.next()?,
            options: source.nth(1)?,
        })
    })
}

/// Version 1: at the top of each hierarchy, where root may.
fn legacy(list: &str, name: &str) -> Option<Group> {
    let controller = |name: &str| {
        let mut all = mounts(list).filter(|mount| mount.kind == "cgroup");
        all.find(|mount| mount.options.split(',').any(|option| option == name)).map(|mount| mount.folder.to_owned())
    };
    let top = Group {
        version: Version::V1,
        memory: controller("memory")?,
        pids: controller("pids")?,
        cpu: controller("cpu"),
        cpuacct: controller("cpuacct"),
    };
    let group = top.child(name);
    group.create().is_ok().then_some(group)
}

/// Version 2: in our own group if that is delegated to us, else in the nearest one above it in which we may.
fn unified(list: &str, own: &str, name: &str) -> Option<Group> {
    let mount = mounts(list).find(|mount| mount.kind == "cgroup2")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let inside = Path::new(own).strip_prefix(mount.root).ok()?;
    let mut own = mount.folder.join(inside);
    if own.ends_with(LEAF) {
        own.pop();
    }
    if hand_on(&own).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy) {
        // If that fails, one further up may do.
        let _ = move_to_leaf(&own);
    }
    own.ancestors().take_while(|folder| folder.starts_with(mount.folder)).find_map(|folder| below(folder, name))
}

fn below(folder: &Path, name: &str) -> Option<Group> {
    hand_on(folder).ok()?;
    let made = folder.join(name);
    let group = |cpu| Group { version: Version::V2, memory: made.clone(), pids: made.clone(), cpu, cpuacct: None };
    let plain = group(None);
    plain.create().ok()?;
    if hand_on(&made).is_err() {
        let _ = plain.try_remove();
        return None;
    }
    let has_cpu = listed(&made, "cgroup.subtree_control").iter().any(|name| name == "cpu");
    Some(group(has_cpu.then(|| made.clone())))
}

/// Hands controllers on to the children of a group.
fn hand_on(folder: &Path) -> io::Result<()> {
    let there = listed(folder, "cgroup.controllers");
    let has = |list: &[String], name: &str| list.iter().any(|listed| listed == name);
    for name in WANTED.into_iter().filter(|name| has(&there, name)) {
        let handed_on = listed(folder, "cgroup.subtree_control");
        let done =
            if has(&handed_on, name) { Ok(()) } else { write(folder, "cgroup.subtree_control", format!("+{name}")) };
        if NEEDED.contains(&name) {
            done?;
        }
    }
    let handed_on = listed(folder, "cgroup.subtree_control");
    if NEEDED.iter().all(|name| has(&handed_on, name)) { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// A group with children that have limits may hold no process itself. Moves ours, if there are no others.
fn move_to_leaf(own: &Path) -> io::Result<()> {
    let program = fs::read_link("/proc/self/exe")?;
    let members = listed(own, "cgroup.procs");
    let is_ours = |pid: &String| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
    if !members.iter().all(is_ours) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let leaf = own.join(LEAF);
    fs::create_dir_all(&leaf)?;
    members.into_iter().try_for_each(|pid| write(&leaf, "cgroup.procs", pid))
}

fn listed(folder: &Path, file: &str) -> Vec<String> {
    fs::read_to_string(folder.join(file)).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
