use std::path::PathBuf;

use sandbar_protocol::{Fields, ValidationError, bare_kind};
use serde_json::Value;

use super::exclude::Exclude;
use crate::runtime::files::remote_path;
use crate::{Args, CallOptions};

/// The arguments of an upload.
#[derive(Clone, Debug, Default)]
pub struct UploadCall {
    /// A file or directory of this machine.
    pub local: PathBuf,
    /// Where it goes in the sandbox.
    pub remote: String,
    /// What is left out of a directory.
    pub(super) exclude: Exclude,
}

/// The arguments of a download.
#[derive(Clone, Debug, Default)]
pub struct DownloadCall {
    /// A file or directory of the sandbox.
    pub remote: String,
    /// Where it goes on this machine.
    pub local: PathBuf,
}

impl UploadCall {
    /// All of a file or directory.
    pub fn new(local: impl Into<PathBuf>, remote: impl Into<String>) -> Self {
        Self { local: local.into(), remote: remote.into(), exclude: Exclude::default() }
    }

    /// Leaves out what these patterns match: names (`node_modules`, `*.log`), or paths within the directory (`dist/tmp`).
    #[must_use]
    pub fn without(mut self, patterns: &[&str]) -> Self {
        self.exclude = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        self
    }
}

impl Args {
    /// Arguments of upload: `localPath`, `remotePath`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn upload(&self) -> Result<(UploadCall, CallOptions), ValidationError> {
        let (local, remote) = (remote_path(self, "localPath")?.into(), remote_path(self, "remotePath")?);
        let (options, call) = self.options()?;
        let fields = Fields::of("upload options", &options, &["exclude"])?;
        Ok((UploadCall { local, remote, exclude: exclude_in(&fields)? }, call))
    }

    /// Arguments of download: `remotePath`, `localPath`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn download(&self) -> Result<(DownloadCall, CallOptions), ValidationError> {
        let (remote, local) = (remote_path(self, "remotePath")?, remote_path(self, "localPath")?.into());
        let (options, call) = self.options()?;
        Fields::of("download options", &options, &[])?;
        Ok((DownloadCall { remote, local }, call))
    }
}

fn exclude_in(fields: &Fields<'_>) -> Result<Exclude, ValidationError> {
    let refuse = |got: &Value| {
        let message = format!(
            "`exclude` must be an array of names or paths, as [\"node_modules\", \"*.log\"], got {}",
            bare_kind(got)
        );
        ValidationError::new("exclude", message)
    };
    let Some(value) = fields.get("exclude") else { return Ok(Exclude::default()) };
    let patterns = value.as_array().ok_or_else(|| refuse(value))?;
    patterns.iter().map(|pattern| pattern.as_str().map(str::to_owned).ok_or_else(|| refuse(pattern))).collect()
}
