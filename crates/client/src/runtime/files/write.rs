use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::WriteCall;
use super::batch::NewFile;
use crate::answer::RawAnswer;
use crate::runtime::call::RuntimeRequest;
use crate::{CallOptions, ClientError, Runtime};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteInfo {
    /// Where it is.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// `file`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// In bytes.
    pub bytes_written: u64,
}

/// What the runtime says of a file that it wrote.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    pub(super) path: String,
}

impl WriteInfo {
    pub(super) fn of(path: &str, bytes_written: u64) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self { path: path.to_owned(), name, kind: "file", bytes_written }
    }
}

impl Runtime {
    /// Writes a file that is in memory as a whole: it is there as a whole, or as it was before.
    ///
    /// # Errors
    /// As every call; 400 if there is a directory, 507 if the disk is full.
    ///
    /// Route: `POST {envdUrl}/files`; with a mode `POST {envdUrl}/files/batch`.
    pub async fn write_file(
        &self,
        write: WriteCall,
        data: Vec<u8>,
        call: &CallOptions,
    ) -> Result<WriteInfo, ClientError> {
        if write.mode.is_some() {
            let file = NewFile { path: write.path.clone(), mode: write.mode, data };
            let size = file.data.len() as u64;
            let mut written = self.write_files(vec![file], call).await?;
            return Ok(written.pop().unwrap_or_else(|| WriteInfo::of(&write.path, size)));
        }
        let size = data.len() as u64;
        let request = RuntimeRequest::post("/files").query("path", &write.path).bytes(data);
        let written = self.send(request, call, RawAnswer::array::<Written>).await?.value;
        Ok(written_at(&write.path, written, size))
    }
}

/// As the runtime has resolved the path, if it says so.
pub(super) fn written_at(path: &str, written: Vec<Written>, size: u64) -> WriteInfo {
    let resolved = written.into_iter().next().map(|written| written.path).filter(|path| !path.is_empty());
    WriteInfo::of(resolved.as_deref().unwrap_or(path), size)
}

/// What the runtime says of files that it wrote at once.
#[derive(Deserialize)]
pub(super) struct BatchResponse {
    #[serde(default)]
    pub(super) files: Vec<Value>,
}
