//! A command with all that it started, wherever that has gone: what is killed is killed as a whole.

use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// How often the processes are looked through for those that were started while others were killed.
const ROUNDS: usize = 5;

/// Held by each start, and alone by each kill: between fork and exec, a child of this process holds the outputs of all others.
static STARTS: RwLock<()> = RwLock::new(());

/// Starts a process while none is killed, so that it is not taken for one that holds the outputs of another.
pub(crate) fn start_apart<T>(start: impl FnOnce() -> T) -> T {
    let _shared = STARTS.read().unwrap_or_else(PoisonError::into_inner);
    start()
}

/// A process that leads a group, and what shows that another belongs to it.
#[derive(Debug)]
pub(crate) struct Tree {
    root: i32,
    outputs: Vec<Held>,
}

/// A pipe, or the program side of a terminal, as `/proc` shows it to all who hold it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    link: PathBuf,
    /// Terminals of other sandboxes have the same names.
    device: u64,
    inode: u64,
}

impl Held {
    pub(crate) fn by_self(end: &impl AsFd) -> Option<Self> {
        Self::at(Path::new(&format!("/proc/self/fd/{}", end.as_fd().as_raw_fd())))
    }

    fn at(descriptor: &Path) -> Option<Self> {
        let found = fs::metadata(descriptor).ok()?;
        Some(Self { link: fs::read_link(descriptor).ok()?, device: found.dev(), inode: found.ino() })
    }
}

/// One line of the process table.
struct Entry {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
}

impl Tree {
    /// The tree below `root`, which leads its process group; `outputs` are this process's ends of its pipes or terminal.
    pub(crate) fn new(root: u32, outputs: Vec<Held>) -> Option<Self> {
        // Such a group would be this process's own, or all processes.
        let root = i32::try_from(root).ok().filter(|root| *root > 1)?;
        Some(Self { root, outputs })
    }

    /// Sends a signal to the process group.
    pub(crate) fn signal(&self, signal: Signal) -> nix::Result<()> {
        killpg(Pid::from_raw(self.root), signal)
    }

    /// Kills the group and all that left it: descendants, members of their sessions, and whoever holds the outputs. What
    /// has cut all of these ties is not found.
    pub(crate) fn kill(&self) -> Killed {
        let _alone = STARTS.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = HashSet::from([self.root]);
        let mut killed = HashSet::new();
        for _ in 0..ROUNDS {
            // Before the kill: an orphan does not say whose child it was.
            let members = self.members(&mut known);
            // It may have ended by itself.
            let _ = self.signal(Signal::SIGKILL);
            let fresh: Vec<i32> = members.into_iter().filter(|pid| killed.insert(*pid)).collect();
            if fresh.is_empty() {
                break;
            }
            for pid in fresh {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        Killed(killed)
    }

    /// Who belongs to the tree now; `known` remembers those who did in an earlier round.
    fn members(&self, known: &mut HashSet<i32>) -> Vec<i32> {
        let own = std::process::id();
        let mut others = processes();
        others.retain(|entry| entry.pid > 1 && u32::try_from(entry.pid) != Ok(own));
        known.extend(others.iter().map(|entry| entry.pid).filter(|pid| self.is_held_by(*pid)));
        let mut members = Vec::new();
        loop {
            let before = members.len();
            others.retain(|entry| {
                let belongs = [entry.pid, entry.parent, entry.group, entry.session].iter().any(|id| known.contains(id));
                if belongs {
                    known.insert(entry.pid);
                    members.push(entry.pid);
                }
                !belongs
            });
            if members.len() == before {
                return members;
            }
        }
    }

    fn is_held_by(&self, pid: i32) -> bool {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        descriptors.flatten().map(|descriptor| descriptor.path()).any(|descriptor| {
            let link = fs::read_link(&descriptor);
            // Most are none of them by their names already.
            link.is_ok_and(|link| self.outputs.iter().any(|output| output.link == link))
                && Held::at(&descriptor).is_some_and(|held| self.outputs.contains(&held))
        })
    }
}

/// Processes that were killed, and may take a moment to end.
pub(crate) struct Killed(HashSet<i32>);

impl Killed {
    /// Whether none of them runs any more.
    pub(crate) fn are_gone(&self) -> bool {
        self.0.iter().all(|pid| entry_of(*pid).is_none())
    }
}

/// All that run, without those that ended and wait to be asked for their status.
fn processes() -> Vec<Entry> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry_of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

fn entry_of(pid: i32) -> Option<Entry> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last bracket may have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Entry { pid, parent: number()?, group: number()?, session: number()? })
}
