//! Many files at once: small ones share requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use serde_json::{Value, json};

use super::arguments::WriteCall;
use super::write::{BatchResponse, WriteInfo};
use crate::answer::RawAnswer;
use crate::runtime::call::RuntimeRequest;
use crate::{CallOptions, ClientError, Runtime};

/// What one request carries at most; in base64 and with its paths, that is well below what a runtime reads at once.
pub(crate) const BATCH_BYTES: u64 = 4 * 1024 * 1024;
pub(crate) const BATCH_FILES: usize = 500;
/// Requests at once.
pub(crate) const AT_ONCE: usize = 4;
/// Of a larger file, what is handed over at once.
const CHUNK: usize = 1024 * 1024;

/// A file that is in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFile {
    /// Where it goes.
    pub path: String,
    /// Its permission bits.
    pub mode: Option<u32>,
    /// Its content.
    pub data: Vec<u8>,
}

/// What goes into one request, each with its place among all files.
enum Load {
    Batch(Vec<(usize, NewFile)>),
    Alone(usize, NewFile),
}

impl Runtime {
    /// Writes files; the infos are in their order. The first one that fails ends it: those before it, and some after it, are
    /// written then.
    ///
    /// # Errors
    /// As [`Runtime::write_file`].
    ///
    /// Route: `POST {envdUrl}/files/batch`; `POST {envdUrl}/files` for those of more than 4 MiB.
    pub async fn write_files(&self, files: Vec<NewFile>, call: &CallOptions) -> Result<Vec<WriteInfo>, ClientError> {
        let sends = loads(files).into_iter().map(|load| self.send_load(load, call));
        let mut written: Vec<_> = iter(sends).buffer_unordered(AT_ONCE).try_concat().await?;
        written.sort_unstable_by_key(|(index, _)| *index);
        Ok(written.into_iter().map(|(_, info)| info).collect())
    }

    async fn send_load(&self, load: Load, call: &CallOptions) -> Result<Vec<(usize, WriteInfo)>, ClientError> {
        match load {
            Load::Batch(files) => {
                let (places, files): (Vec<_>, Vec<_>) = files.into_iter().unzip();
                Ok(places.into_iter().zip(self.write_batch(files, call).await?).collect())
            }
            Load::Alone(index, NewFile { path, mode, data }) => {
                let write = WriteCall { path, mode, size: Some(data.len() as u64) };
                let (writer, upload) = self.upload_file(write, call);
                let feed = async {
                    let data = hyper::body::Bytes::from(data);
                    for start in (0..data.len()).step_by(CHUNK) {
                        if !writer.write(data.slice(start..data.len().min(start + CHUNK))).await {
                            return;
                        }
                    }
                    writer.finish().await;
                };
                let (info, ()) = tokio::join!(upload, feed);
                Ok(vec![(index, info?)])
            }
        }
    }

    /// Writes files in one request.
    pub(crate) async fn write_batch(
        &self,
        files: Vec<NewFile>,
        call: &CallOptions,
    ) -> Result<Vec<WriteInfo>, ClientError> {
        let request = RuntimeRequest::post("/files/batch").text(batch_of(&files));
        let answer = self.send(request, call, RawAnswer::object::<BatchResponse>).await?.value.files;
        let resolved = |index: usize| answer.get(index).and_then(|file: &Value| file.get("path")?.as_str());
        let infos = files
            .iter()
            .enumerate()
            .map(|(index, file)| WriteInfo::of(resolved(index).unwrap_or(&file.path), file.data.len() as u64));
        Ok(infos.collect())
    }
}

/// The files in as few requests as may be, in their order.
fn loads(files: Vec<NewFile>) -> Vec<Load> {
    let mut loads = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (index, file) in files.into_iter().enumerate() {
        let size = file.data.len() as u64;
        if size > BATCH_BYTES {
            loads.push(Load::Alone(index, file));
            continue;
        }
        if bytes + size > BATCH_BYTES || batch.len() == BATCH_FILES {
            loads.push(Load::Batch(std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += size;
        batch.push((index, file));
    }
    if !batch.is_empty() {
        loads.push(Load::Batch(batch));
    }
    loads
}

/// The body of a batch, written in one piece: it is the largest JSON that is sent.
fn batch_of(files: &[NewFile]) -> String {
    let size: usize = files.iter().map(|file| file.data.len() * 4 / 3 + file.path.len() + 64).sum();
    let mut text = String::with_capacity(size);
    text.push_str(r#"{"files":["#);
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&format!(r#"{{"path":{},"#, json!(file.path)));
        if let Some(mode) = file.mode {
            text.push_str(&format!(r#""mode":{mode},"#));
        }
        text.push_str(r#""data":""#);
        STANDARD.encode_string(&file.data, &mut text);
        text.push_str(r#""}"#);
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: usize) -> NewFile {
        NewFile { path: "a".to_owned(), mode: None, data: vec![0; size] }
    }

    fn shape(files: Vec<NewFile>) -> Vec<usize> {
        let of = |load: &Load| match load {
            Load::Batch(files) => files.len(),
            Load::Alone(..) => 0,
        };
        loads(files).iter().map(of).collect()
    }

    #[test]
    fn a_request_carries_500_files_or_4_mib() {
        assert_eq!(shape(vec![file(1); 1_001]), [500, 500, 1]);
        assert_eq!(shape(vec![file(3 * 1024 * 1024); 3]), [1, 1, 1]);
        assert_eq!(shape(vec![file(2 * 1024 * 1024); 3]), [2, 1]);
    }

    #[test]
    fn a_large_file_goes_alone() {
        assert_eq!(shape(vec![file(1), file(5 * 1024 * 1024), file(1)]), [0, 2]);
        assert!(shape(Vec::new()).is_empty());
    }

    #[test]
    fn a_batch_is_json_whatever_the_names() {
        let files = [NewFile { path: "a\"\n\u{fc}".to_owned(), mode: Some(0o600), data: b"hi".to_vec() }, file(0)];
        let value: Value = serde_json::from_str(&batch_of(&files)).unwrap();
        let expected = json!({"files": [
            {"path": "a\"\n\u{fc}", "mode": 0o600, "data": "aGk="},
            {"path": "a", "data": ""},
        ]});
        assert_eq!(value, expected);
    }
}
