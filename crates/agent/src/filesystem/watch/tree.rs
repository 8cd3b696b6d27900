use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::event::{Event, EventKind};
use super::names::Names;
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
    /// The folders above it: it is elsewhere when one of them is.
    above: HashSet<WatchDescriptor>,
    recursive: bool,
    folders: HashMap<WatchDescriptor, Folder>,
    /// The move of a temporary file that is under way, by its cookie.
    moving: Option<u32>,
    events: Vec<Event>,
}

/// One watched folder.
struct Folder {
    /// Relative to the root.
    path: PathBuf,
    /// The names in it that were told, or were there before: only so can a file that replaces another be told from a new one.
    names: Names,
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
        let mask = AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_ONLYDIR;
        // One that can't be read can't be watched, and may only be renamed by others.
        let above = root.ancestors().skip(1).filter_map(|folder| inotify.add_watch(folder, mask).ok()).collect();
        let mut tree = Self {
            inotify: Arc::new(Descriptor(inotify)),
            root,
            root_watch,
            above,
            recursive,
            folders: HashMap::from([(root_watch, Folder { path: PathBuf::new(), names: Names::default() })]),
            moving: None,
            events: Vec::new(),
        };
        tree.take_in(root_watch)?;
        // What was there before is no event.
        tree.events.clear();
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
                Err(Errno::EAGAIN) => return After::Quiet,
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
        let is_elsewhere = mask.contains(Mask::IN_MOVE_SELF) && self.above.contains(&event.wd);
        if is_elsewhere || (event.wd == self.root_watch && mask.intersects(ends)) {
            return Ok(false);
        }
        if mask.contains(Mask::IN_IGNORED) {
            self.folders.remove(&event.wd);
        }
        let Some(folder) = self.folders.get_mut(&event.wd) else { return Ok(true) };
        // Without a name it is about the folder itself, which the one above tells as well.
        let Some(name) = event.name else {
            if mask.contains(Mask::IN_ATTRIB) {
                self.watch_what_can_be(event.wd)?;
            }
            return Ok(true);
        };
        if Temporary::is_name(&name) {
            if mask.contains(Mask::IN_MOVED_FROM) {
                self.moving = Some(event.cookie);
            }
            return Ok(true);
        }
        let path = folder.path.join(&name);
        let is_folder = mask.contains(Mask::IN_ISDIR);
        if mask.intersects(Mask::IN_CREATE | Mask::IN_MOVED_TO) {
            let is_new = folder.names.insert(&name);
            let is_moved = mask.contains(Mask::IN_MOVED_TO);
            let is_written = self.moving.take_if(|cookie| is_moved && *cookie == event.cookie).is_some();
            if is_new {
                self.tell(&path, EventKind::Create);
            }
            if is_folder {
                self.watch_new(path)?;
            } else if is_written || (is_moved && !is_new) {
                // As if it had been written in place.
                self.tell(&path, EventKind::Write);
            }
        } else if mask.contains(Mask::IN_MODIFY) {
            self.tell(&path, EventKind::Write);
        } else if mask.contains(Mask::IN_ATTRIB) {
            self.tell(&path, EventKind::Chmod);
            if is_folder {
                self.watch_new(path)?;
            }
        } else if mask.contains(Mask::IN_DELETE) {
            folder.names.remove(&name);
            self.tell(&path, EventKind::Remove);
        } else if mask.contains(Mask::IN_MOVED_FROM) {
            folder.names.remove(&name);
            self.tell(&path, EventKind::Rename);
            if is_folder {
                self.forget(&path);
            }
        }
        Ok(true)
    }

    /// Watches a folder that is there now, or can be read now, and tells what is in it; nothing if it is watched already.
    fn watch_new(&mut self, folder: PathBuf) -> Result<(), Problem> {
        match self.recursive.then(|| self.watch(&folder)).transpose()?.flatten() {
            Some(watch) => self.take_in(watch),
            None => Ok(()),
        }
    }

    /// Takes in all that is in a folder under watch, and watches all folders below it.
    fn take_in(&mut self, watch: WatchDescriptor) -> Result<(), Problem> {
        let mut waiting = vec![watch];
        while let Some(watch) = waiting.pop() {
            for (path, is_folder) in self.entries(watch) {
                let is_new = path
                    .file_name()
                    .zip(self.folders.get_mut(&watch))
                    .is_some_and(|(name, folder)| folder.names.insert(name));
                if is_new {
                    self.tell(&path, EventKind::Create);
                }
                if is_folder && self.recursive {
                    waiting.extend(self.watch(&path)?);
                }
            }
        }
        Ok(())
    }

    /// Watches the folders in one that could not be searched before.
    fn watch_what_can_be(&mut self, watch: WatchDescriptor) -> Result<(), Problem> {
        let entries = if self.recursive { self.entries(watch) } else { Vec::new() };
        entries.into_iter().filter(|(_, is_folder)| *is_folder).try_for_each(|(path, _)| self.watch_new(path))
    }

    /// What is in a watched folder, and whether each is a folder. One that is gone again has nothing in it.
    fn entries(&self, watch: WatchDescriptor) -> Vec<(PathBuf, bool)> {
        let Some(Folder { path, .. }) = self.folders.get(&watch) else { return Vec::new() };
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let entries = entries.filter(|entry| !Temporary::is_name(&entry.file_name()));
        entries.map(|entry| (path.join(entry.file_name()), entry.file_type().is_ok_and(|kind| kind.is_dir()))).collect()
    }

    /// Watches a folder below the root; none if it is watched already, or can't be.
    fn watch(&mut self, path: &Path) -> Result<Option<WatchDescriptor>, Problem> {
        let place = self.root.join(path);
        if SILENT.iter().any(|silent| place == Path::new(silent)) {
            return Ok(None);
        }
        let is_full = self.folders.len() >= MAX_FOLDERS;
        match self.inotify.0.add_watch(&place, wanted() | AddWatchFlags::IN_DONT_FOLLOW) {
            Ok(watch) => Ok(match self.folders.entry(watch) {
                Entry::Occupied(_) => None,
                Entry::Vacant(_) if is_full => {
                    return Err(Problem::precondition(format!(
                        "can't watch {}: it has more than {MAX_FOLDERS} folders; watch a part of it",
                        self.root.display()
                    )));
                }
                Entry::Vacant(place) => {
                    place.insert(Folder { path: path.to_owned(), names: Names::default() });
                    Some(watch)
                }
            }),
            Err(Errno::ENOSPC | Errno::ENOMEM) => Err(refusal(Errno::ENOSPC, &place)),
            // Gone again, or not to be read yet.
            Err(_) => Ok(None),
        }
    }

    /// Ends the watches of a folder that is elsewhere now. If that is in the tree, it comes as a new one.
    fn forget(&mut self, path: &Path) {
        self.folders.retain(|watch, folder| {
            let stays = !folder.path.starts_with(path);
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
