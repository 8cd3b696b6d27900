use utoipa::ToSchema;

use super::route::Route;

/// What a path stands for.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct Entry {
    name: String,
    r#type: EntryType,
    path: String,
    /// In bytes.
    size: u64,
    /// The permission bits.
    mode: u32,
    /// As `ls` shows them.
    permissions: String,
    owner: String,
    group: String,
    modified_time: String,
    #[schema(nullable = false)]
    symlink_target: Option<String>,
}

/// The kind of an entry.
#[derive(ToSchema)]
enum EntryType {
    #[schema(rename = "FILE_TYPE_FILE")]
    File,
    #[schema(rename = "FILE_TYPE_DIRECTORY")]
    Directory,
    #[schema(rename = "FILE_TYPE_SYMLINK")]
    Symlink,
    /// A pipe, a socket or a device.
    #[schema(rename = "FILE_TYPE_UNSPECIFIED")]
    Unspecified,
}

#[derive(ToSchema)]
struct EntryResponse {
    entry: Entry,
}

#[derive(ToSchema)]
struct ListDirRequest {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
    /// How many levels down; 0 is 1, the folder alone.
    depth: Option<u32>,
}

#[derive(ToSchema)]
struct ListDirResponse {
    entries: Vec<Entry>,
}

/// A path, absolute or from the workspace on.
#[derive(ToSchema)]
struct PathRequest {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
}

#[derive(ToSchema)]
struct MoveRequest {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    source: String,
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    destination: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct EditRequest {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
    /// It has to stand there once.
    #[schema(min_length = 1)]
    old_text: String,
    new_text: Option<String>,
}

#[derive(ToSchema)]
struct EditResponse {
    message: String,
}

#[derive(ToSchema)]
struct WatchRequest {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
    /// Whether folders in it are watched as well.
    recursive: Option<bool>,
}

/// What happened to a path in a watched folder.
#[derive(ToSchema)]
struct FilesystemEvent {
    /// From the watched folder on.
    name: String,
    r#type: FilesystemEventType,
}

/// What happened.
#[derive(ToSchema)]
enum FilesystemEventType {
    #[schema(rename = "EVENT_TYPE_CREATE")]
    Create,
    #[schema(rename = "EVENT_TYPE_WRITE")]
    Write,
    #[schema(rename = "EVENT_TYPE_REMOVE")]
    Remove,
    #[schema(rename = "EVENT_TYPE_RENAME")]
    Rename,
    #[schema(rename = "EVENT_TYPE_CHMOD")]
    Chmod,
}

/// A message of a watch: one of these.
#[derive(ToSchema)]
struct WatchMessage {
    /// The watch has begun.
    start: Option<Empty>,
    /// A sign of life.
    keepalive: Option<Empty>,
    filesystem: Option<FilesystemEvent>,
}

/// `{}`
#[derive(ToSchema)]
pub(super) struct Empty {}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct Watcher {
    watcher_id: String,
}

#[derive(ToSchema)]
struct WatcherEvents {
    events: Vec<FilesystemEvent>,
}

pub(super) fn routes() -> Vec<Route> {
    let post = |path, id, summary| Route::post(path, id, summary).about("A call of the Connect protocol, as JSON.");
    vec![
        post("/filesystem.Filesystem/ListDir", "listDir", "List a folder")
            .takes::<ListDirRequest>()
            .answers::<ListDirResponse>("What is in it")
            .refuses_paths(),
        post("/filesystem.Filesystem/Stat", "stat", "Look at a path")
            .takes::<PathRequest>()
            .answers::<EntryResponse>("What it stands for")
            .refuses_paths(),
        post("/filesystem.Filesystem/MakeDir", "makeDir", "Make a folder, and those above it")
            .takes::<PathRequest>()
            .answers::<EntryResponse>("It is there")
            .refuses_writes(),
        post("/filesystem.Filesystem/Remove", "removePath", "Remove a file, or a folder and all in it")
            .takes::<PathRequest>()
            .answers::<Empty>("It is gone")
            .refuses_writes(),
        post("/filesystem.Filesystem/Move", "movePath", "Move a file or a folder")
            .takes::<MoveRequest>()
            .answers::<EntryResponse>("It is there")
            .refuses_writes(),
        post("/filesystem.Filesystem/Edit", "editFile", "Replace a text in a file")
            .takes::<EditRequest>()
            .answers::<EditResponse>("It is replaced")
            .refuses_writes(),
        Route::post("/filesystem.Filesystem/WatchDir", "watchDir", "Follow what happens in a folder")
            .about("A server stream of the Connect protocol: it goes on until the client goes away.")
            .takes_streaming::<WatchRequest>()
            .streams::<WatchMessage>("What happens, in frames")
            .refuses_paths()
            .refuses(429, "`resource_exhausted`: too many are watched"),
        post("/filesystem.Filesystem/CreateWatcher", "createWatcher", "Gather what happens in a folder")
            .takes::<WatchRequest>()
            .answers::<Watcher>("Its events are gathered from now on")
            .refuses_paths()
            .refuses(429, "`resource_exhausted`: there are too many watchers"),
        post("/filesystem.Filesystem/GetWatcherEvents", "getWatcherEvents", "Take what a watcher has gathered")
            .takes::<Watcher>()
            .answers::<WatcherEvents>("What happened since the last time")
            .refuses(404, "`not_found`: there is no such watcher, or no such sandbox"),
        post("/filesystem.Filesystem/RemoveWatcher", "removeWatcher", "End a watcher")
            .takes::<Watcher>()
            .answers::<Empty>("It is gone")
            .refuses(404, "`not_found`: there is no such watcher, or no such sandbox"),
    ]
}
