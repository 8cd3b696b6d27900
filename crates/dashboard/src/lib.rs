//! The files of the dashboard: what is in `dashboard/dist` when this is built, and nothing where that is not there.

/// A file, in the forms in which it can be sent.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its path, as `/index.html` or `/assets/index-3vVvJWYi.js`.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `ETag`, the same for every form.
    pub etag: &'static str,
    /// As it is.
    pub plain: &'static [u8],
    /// Compressed by gzip, where that is worth it.
    pub gzip: Option<&'static [u8]>,
    /// Compressed by Brotli, where that is worth it.
    pub brotli: Option<&'static [u8]>,
}

/// All files; none in a build without the dashboard.
pub const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file of exactly this path.
pub fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    /// Whether its name has a hash of its content: it never changes.
    pub fn is_hashed(&self) -> bool {
        self.path.starts_with("/assets/")
    }
}
