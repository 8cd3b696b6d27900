use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::event::{Event, EventKind};
use crate::files::Temporary;
use crate::problem::Problem;

/// The most folders of one watch: the system keeps a kilobyte for each, and has a limit for all sandboxes together.
const MAX_FOLDERS: usize = 32_768;
/// Events are told on after so many reads, however many are left.
const MAX_READS: usize = 64;

/// The system's own file systems, of which inotify tells nothing.
const SILENT: [&str; 2] = ["/proc", "/sys"];

/// The descriptor, as the runtime waits for it.
pub(super) struct Descriptor(Inotify);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A watched folder, with all folders in it if it is watched recursively.
pub(super) struct Tree {
    inotify: Arc<Descriptor>,
    root: PathBuf,
    root_watch: WatchDescriptor,
    recursive: bool,
    /// Where each watched folder is, relative to the root.
    folders: HashMap<WatchDescriptor, PathBuf>,
    /// What was found in new folders, and told: its own event may still come.
    found: HashSet<PathBuf>,
    /// The move of a temporary file that is under way, by its cookie.
    moving: Option<(u32, Temporary)>,
    events: Vec<Event>,
}

/// What was read.
pub(super) struct Read {
    pub(super) events: Vec<Event>,
    pub(super) after: After,
}

/// How it goes on after what was read.
pub(super) enum After {
    /// There may be more.
    More,
    /// There is nothing more for now.
    Quiet,
    /// The folder is gone.
    Gone,
    /// No more can be told.
    Failed(Problem),
}

impl Tree {
    /// Begins to watch.
    pub(super) fn begin(path: &Path, recursive: bool) -> Result<Self, Problem> {
        let failed = |error: io::Error| Problem::of_path(&error, "watch", path);
        // Folders that come are looked up by their path, which must not change with a symlink.
        let root = fs::canonicalize(path).map_err(failed)?;
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(|errno| match errno {
            Errno::EMFILE => Problem::precondition(
                "there are too many watches (fs.inotify.max_user_instances): end one that is no longer needed",
            ),
            errno => failed(errno.into()),
        })?;
        let root_watch = inotify.add_watch(&root, wanted()).map_err(|errno| refusal(errno, path))?;
        let mut tree = Self {
            inotify: Arc::new(Descriptor(inotify)),
            root,
            root_watch,
            recursive,
            folders: HashMap::from([(root_watch, PathBuf::new())]),
            found: HashSet::new(),
            moving: None,
            events: Vec::new(),
        };
        tree.watch_below(PathBuf::new())?;
        // What was there before is no event.
        tree.events.clear();
        tree.found.clear();
        Ok(tree)
    }

    pub(super) fn descriptor(&self) -> Arc<Descriptor> {
        self.inotify.clone()
    }

    /// Reads what has happened, without waiting.
    pub(super) fn read(&mut self) -> Read {
        let after = self.read_on();
        Read { events: std::mem::take(&mut self.events), after }
    }

    fn read_on(&mut self) -> After {
        for _ in 0..MAX_READS {
            let events = match self.inotify.0.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => {
                    // What was found before has had its event.
                    self.found.clear();
                    return After::Quiet;
                }
                Err(errno) => return After::Failed(refusal(errno, &self.root)),
            };
            for event in events {
                match self.take(event) {
                    Ok(true) => {}
                    Ok(false) => return After::Gone,
                    Err(problem) => return After::Failed(problem),
                }
            }
        }
        After::More
    }

    /// Takes an event in; whether the folder is still there.
    fn take(&mut self, event: InotifyEvent) -> Result<bool, Problem> {
        type Mask = AddWatchFlags;
        let mask = event.mask;
        if mask.contains(Mask::IN_Q_OVERFLOW) {
            let root = self.root.display();
            return Err(Problem::data_loss(format!(
                "more happened in {root} than could be told, and events were lost: look at the folder and watch it anew"
            )));
        }
        let ends = Mask::IN_IGNORED | Mask::IN_DELETE_SELF | Mask::IN_MOVE_SELF | Mask::IN_UNMOUNT;
        if event.wd == self.root_watch && mask.intersects(ends) {
            return Ok(false);
        }
        if mask.contains(Mask::IN_IGNORED) {
            self.folders.remove(&event.wd);
        }
        // Without a name it is about the folder itself, which the one above tells as well.
        let (Some(folder), Some(name)) = (self.folders.get(&event.wd), event.name) else { return Ok(true) };
        if let Some(temporary) = Temporary::of_name(&name) {
            if mask.contains(Mask::IN_MOVED_FROM) {
                self.moving = Some((event.cookie, temporary));
            }
            return Ok(true);
        }
        let path = folder.join(name);
        if mask.intersects(Mask::IN_CREATE | Mask::IN_MOVED_TO) {
            let replaced = self.moving.take_if(|(cookie, _)| *cookie == event.cookie && event.cookie != 0);
            self.appeared(path, mask.contains(Mask::IN_ISDIR), replaced.map(|(_, temporary)| temporary))?;
        } else if mask.contains(Mask::IN_MODIFY) {
            self.tell(&path, EventKind::Write);
        } else if mask.contains(Mask::IN_ATTRIB) {
            self.tell(&path, EventKind::Chmod);
        } else if mask.contains(Mask::IN_DELETE) {
            self.found.remove(&path);
            self.tell(&path, EventKind::Remove);
        } else if mask.contains(Mask::IN_MOVED_FROM) {
            self.found.remove(&path);
            self.tell(&path, EventKind::Rename);
            if mask.contains(Mask::IN_ISDIR) {
                self.forget(&path);
            }
        }
        Ok(true)
    }

    /// Something is there now; `written` if it came by way of a temporary file.
    fn appeared(&mut self, path: PathBuf, is_folder: bool, written: Option<Temporary>) -> Result<(), Problem> {
        let is_told = self.found.remove(&path) || written == Some(Temporary::Over);
        if !is_told {
            self.tell(&path, EventKind::Create);
        }
        if is_folder && !is_told {
            return self.watch_new(path);
        }
        if written.is_some() && !is_folder {
            self.tell(&path, EventKind::Write);
        }
        Ok(())
    }

    fn watch_new(&mut self, folder: PathBuf) -> Result<(), Problem> {
        if self.recursive && self.watch(&folder)? { self.watch_below(folder) } else { Ok(()) }
    }

    /// Watches all folders below one that is watched, and tells all that is in it.
    fn watch_below(&mut self, folder: PathBuf) -> Result<(), Problem> {
        let mut waiting = if self.recursive { vec![folder] } else { Vec::new() };
        while let Some(folder) = waiting.pop() {
            // One that is gone again has nothing in it.
            let Ok(entries) = fs::read_dir(self.root.join(&folder)) else { continue };
            for entry in entries.flatten().filter(|entry| Temporary::of_name(&entry.file_name()).is_none()) {
                let path = folder.join(entry.file_name());
                self.tell(&path, EventKind::Create);
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && self.watch(&path)? {
                    waiting.push(path.clone());
                }
                self.found.insert(path);
            }
        }
        Ok(())
    }

    /// Watches a folder below the root; whether it is there.
    fn watch(&mut self, folder: &Path) -> Result<bool, Problem> {
        let path = self.root.join(folder);
        if SILENT.iter().any(|silent| path == Path::new(silent)) {
            return Ok(false);
        }
        if self.folders.len() >= MAX_FOLDERS {
            return Err(Problem::precondition(format!(
                "can't watch {}: it has more than {MAX_FOLDERS} folders; watch a part of it",
                self.root.display()
            )));
        }
        match self.inotify.0.add_watch(&path, wanted() | AddWatchFlags::IN_DONT_FOLLOW) {
            Ok(watch) => {
                self.folders.insert(watch, folder.to_owned());
                Ok(true)
            }
            Err(Errno::ENOSPC | Errno::ENOMEM) => Err(refusal(Errno::ENOSPC, &path)),
            // Gone again, or not to be read.
            Err(_) => Ok(false),
        }
    }

    /// Ends the watches of a folder that is elsewhere now. If that is in the tree, it comes as a new one.
    fn forget(&mut self, folder: &Path) {
        self.folders.retain(|watch, path| {
            let stays = !path.starts_with(folder);
            if !stays {
                // It may be gone already.
                let _ = self.inotify.0.rm_watch(*watch);
            }
            stays
        });
    }

    fn tell(&mut self, path: &Path, kind: EventKind) {
        let event = Event { name: path.to_string_lossy().into_owned(), kind };
        let repeats = kind == EventKind::Write && self.events.last() == Some(&event);
        if !repeats {
            self.events.push(event);
        }
    }
}

fn wanted() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR
}

/// What inotify says means other things than what the disk says.
fn refusal(errno: Errno, path: &Path) -> Problem {
    let shown = path.display();
    match errno {
        Errno::ENOSPC => Problem::precondition(format!(
            "can't watch {shown}: there are too many watched folders (fs.inotify.max_user_watches); watch less"
        )),
        errno => Problem::of_path(&errno.into(), "watch", path),
    }
}
