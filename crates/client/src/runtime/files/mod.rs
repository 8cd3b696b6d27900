//! The files of a sandbox.

mod arguments;
mod batch;
mod body;
mod edits;
mod entry;
mod path;
mod read;
mod watch;
mod write;
mod writer;

pub use arguments::{EditCall, ListCall, ReadCall, RenameCall, WatchCall, WriteCall};
pub(super) use batch::BATCH_FILES;
pub use batch::NewFile;
pub(super) use edits::is_missing;
pub use entry::{EntryInfo, EntryKind};
pub(super) use path::remote_path;
pub use watch::{DirEvent, DirEventKind, DirWatch};
pub use write::WriteInfo;
pub use writer::{FileWriter, Upload};
