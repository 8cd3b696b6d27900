//! Who holds a port or a file: told by `/proc`, of one's own processes, or of all as root.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::system::System;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process, for people: no argument is shown, as keys may be among them.
pub(super) struct Holder {
    pub(super) pid: u32,
    name: String,
}

impl Holder {
    fn of(pid: u32) -> Self {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        Self { pid, name }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Who listens on an address, or on its port of all addresses.
pub(super) fn of_port(system: &System, address: SocketAddr) -> Option<Holder> {
    let tables = ["proc/net/tcp", "proc/net/tcp6"].into_iter().filter_map(|table| system.read(table));
    let sockets: Vec<String> =
        tables.flat_map(|table| listening(&table, address.port())).map(|inode| format!("socket:[{inode}]")).collect();
    holder(|descriptor| {
        fs::read_link(descriptor).is_ok_and(|target| sockets.iter().any(|socket| *socket == target.to_string_lossy()))
    })
}

/// Who has a file open.
pub(super) fn of_file(path: &Path) -> Option<Holder> {
    let wanted = fs::metadata(path).ok()?;
    let is_it = |found: fs::Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
    holder(|descriptor| fs::metadata(descriptor).is_ok_and(is_it))
}

/// The inodes of what listens on a port.
fn listening(table: &str, port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows =
        rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&port)) && row.get(3) == Some(&LISTENING));
    rows.filter_map(|row| row.get(9).map(ToString::to_string)).collect()
}

fn holder(has: impl Fn(&Path) -> bool) -> Option<Holder> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
    pids.into_iter()
        .find(|pid| {
            let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            descriptors.map(|descriptor| descriptor.path()).any(|path| has(&path))
        })
        .map(Holder::of)
}
