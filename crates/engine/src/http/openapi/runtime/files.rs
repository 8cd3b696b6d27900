use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::ContentBuilder;

use super::route::{Route, bytes, integer, path_text};

/// A file, with its text or its bytes.
#[derive(ToSchema)]
pub(super) struct NewFile {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
    /// Its text; without it and `data` the file is empty.
    content: Option<String>,
    /// Its bytes, in base64.
    #[schema(pattern = "^([A-Za-z0-9+/]{4})*$")]
    data: Option<String>,
}

/// A file that was written.
#[derive(ToSchema)]
struct WrittenFile {
    path: String,
    name: String,
    r#type: String,
}

/// Many small files at once.
#[derive(ToSchema)]
struct BatchRequest {
    files: Vec<NewFile>,
}

#[derive(ToSchema)]
struct BatchResponse {
    files: Vec<BatchWritten>,
}

#[derive(ToSchema)]
struct BatchWritten {
    path: String,
    bytes_written: u64,
}

/// Folders, each above those below it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct FoldersRequest {
    folders: Vec<NewFolder>,
    /// Whether a folder that is there gets the mode as well. Default: false.
    change_existing: Option<bool>,
}

#[derive(ToSchema)]
struct NewFolder {
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    path: String,
    /// Its permission bits; 0755 of a new one.
    #[schema(maximum = 4095)]
    mode: Option<u32>,
}

/// In the order of the request.
#[derive(ToSchema)]
struct FoldersResponse {
    folders: Vec<MadeFolder>,
}

#[derive(ToSchema)]
struct MadeFolder {
    path: String,
    /// It was not there before.
    created: bool,
    /// The permission bits that it had if it was there, else those that it has.
    mode: u32,
}

/// Files one after the other, as one.
#[derive(ToSchema)]
struct ComposeRequest {
    #[schema(min_items = 1)]
    source_paths: Vec<String>,
    #[schema(min_length = 1, pattern = r"^[^\u0000]+$")]
    destination: String,
}

/// What a model reads of a file.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum FileContent {
    /// A text, cut at `max_tokens`.
    Text { content: String, truncated: bool },
    /// An image, in base64.
    Image { mime_type: String, data: String },
}

pub(super) fn routes() -> Vec<Route> {
    let raw = || ContentBuilder::new().schema(Some(bytes())).build();
    vec![
        Route::get("/file", "readFile", "Read a file")
            .needs_path()
            .signed()
            .answers_bytes(200, "Its bytes")
            .refuses_paths(),
        Route::post("/file", "writeFile", "Write a file")
            .about("The body is the file's content, or a JSON text that describes it if the query has no `path`.")
            .query("path", "Where to write the bytes of the body", path_text())
            .query("mode", "Permission bits of a file that comes as bytes, up to 4095", integer(0))
            .signed()
            .takes::<NewFile>()
            .takes_content("application/octet-stream", raw())
            .or_nothing()
            .answers_nothing(204, "It is written")
            .refuses_writes(),
        Route::get("/files", "downloadFile", "Download a file, or a part of it")
            .needs_path()
            .signed()
            .answers_bytes(200, "Its bytes")
            .answers_bytes(206, "Those that `Range` asks for")
            .answers_nothing(304, "It has not changed")
            .refuses(416, "`out_of_range`: it has not as many bytes")
            .refuses_paths(),
        Route::post("/files", "uploadFiles", "Upload files")
            .about("As bytes to `path`, in JSON, or as a form whose file names are paths.")
            .query("path", "Where the bytes, or the only file of a form, go; the folder of several", path_text())
            .query("mode", "Permission bits of a file that comes as bytes, up to 4095", integer(0))
            .signed()
            .takes::<NewFile>()
            .takes_content("application/octet-stream", raw())
            .takes_content("multipart/form-data", raw())
            .or_nothing()
            .answers_list::<WrittenFile>("What is written")
            .refuses_writes(),
        Route::post("/files/batch", "writeFiles", "Write many small files")
            .takes::<BatchRequest>()
            .answers::<BatchResponse>("They are written")
            .refuses_writes(),
        Route::post("/files/compose", "composeFiles", "Join files to one")
            .takes::<ComposeRequest>()
            .answers::<WrittenFile>("It is written")
            .refuses_writes(),
        Route::get("/files/content", "readFileContent", "Read a text or an image, as models do")
            .needs_path()
            .query("max_tokens", "How much of a text, at about four characters each", integer(1))
            .answers::<FileContent>("The content")
            .refuses_paths(),
        Route::post("/files/folders", "makeFolders", "Make folders with their modes")
            .about("Those above them are made, too. One that is there stays as it is.")
            .takes::<FoldersRequest>()
            .answers::<FoldersResponse>("They are there")
            .refuses(409, "`already_exists`: something that is no folder is in the way")
            .refuses_writes(),
    ]
}
