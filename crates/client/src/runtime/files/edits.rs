use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{EntryInfo, EntryKind, EntryResponse, ListResponse};
use crate::answer::RawAnswer;
use crate::runtime::call::RuntimeRequest;
use crate::{ApiError, CallOptions, ClientError, Runtime};

/// The answer of `Edit`.
#[derive(Deserialize)]
struct EditResponse {
    #[serde(default)]
    message: String,
}

impl Runtime {
    /// Looks at what stands at a path; a symlink is not followed.
    ///
    /// # Errors
    /// As every call; 404 if there is nothing.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/Stat`.
    pub async fn stat(&self, path: &str, call: &CallOptions) -> Result<EntryInfo, ClientError> {
        let request = RuntimeRequest::post("/filesystem.Filesystem/Stat").json(&json!({ "path": path }));
        Ok(self.unary::<EntryResponse>(request, call).await?.value.entry)
    }

    /// Whether there is something at a path. A sandbox that is not there is an error.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/Stat`.
    pub async fn exists(&self, path: &str, call: &CallOptions) -> Result<bool, ClientError> {
        match self.stat(path, call).await {
            Ok(_) => Ok(true),
            Err(ClientError::Api(error)) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is in a directory, down to `depth` levels. Symlinks are listed and not followed.
    ///
    /// # Errors
    /// As every call; 404 if there is no such directory.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/ListDir`.
    pub async fn list_dir(&self, path: &str, depth: u32, call: &CallOptions) -> Result<Vec<EntryInfo>, ClientError> {
        let body = json!({ "path": path, "depth": depth });
        let request = RuntimeRequest::post("/filesystem.Filesystem/ListDir").json(&body);
        Ok(self.unary::<ListResponse>(request, call).await?.value.entries)
    }

    /// Makes a directory and those above it; false if it was there already.
    ///
    /// # Errors
    /// As every call; 409 if something else is in the way.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/MakeDir`.
    pub async fn make_dir(&self, path: &str, call: &CallOptions) -> Result<bool, ClientError> {
        let call = &call.as_a_whole();
        let request = RuntimeRequest::post("/filesystem.Filesystem/MakeDir").json(&json!({ "path": path }));
        let error = match self.unary::<Value>(request, call).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        match &error {
            ClientError::Api(refusal) if refusal.status == 409 && refusal.code.as_deref() == Some("already_exists") => {
                let is_dir = self.stat(path, call).await?.kind == EntryKind::Dir;
                if is_dir { Ok(false) } else { Err(error) }
            }
            _ => Err(error),
        }
    }

    /// Removes what stands at a path, a directory with all that is in it. Symlinks are removed and not followed.
    ///
    /// # Errors
    /// As every call; 404 if there is nothing.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/Remove`.
    pub async fn remove(&self, path: &str, call: &CallOptions) -> Result<(), ClientError> {
        let request = RuntimeRequest::post("/filesystem.Filesystem/Remove").json(&json!({ "path": path }));
        match self.unary::<Value>(request, call).await {
            // The attempt before has done it, and its answer was lost.
            Err(ClientError::Api(error)) if is_missing(&error) && error.call.attempts > 1 => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Moves what stands at a path; directories above the new one are made, and a file that is there is replaced.
    ///
    /// # Errors
    /// As every call; 404 if there is nothing.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/Move`.
    pub async fn rename(&self, from: &str, to: &str, call: &CallOptions) -> Result<EntryInfo, ClientError> {
        let body = json!({ "source": from, "destination": to });
        let request = RuntimeRequest::post("/filesystem.Filesystem/Move").json(&body).not_twice();
        Ok(self.unary::<EntryResponse>(request, call).await?.value.entry)
    }

    /// Replaces a piece of text that stands in a file exactly once; what the runtime says to it comes back.
    ///
    /// # Errors
    /// As every call; 404 if the file or the text is not there, 400 if the text is there more than once.
    ///
    /// Route: `POST {envdUrl}/filesystem.Filesystem/Edit`.
    pub async fn edit(&self, path: &str, old: &str, new: &str, call: &CallOptions) -> Result<String, ClientError> {
        let body = json!({ "path": path, "oldText": old, "newText": new });
        let request = RuntimeRequest::post("/filesystem.Filesystem/Edit").json(&body).not_twice();
        Ok(self.send(request, call, RawAnswer::object::<EditResponse>).await?.value.message)
    }
}

/// Whether the path, and not its sandbox, is not there.
pub(crate) fn is_missing(error: &ApiError) -> bool {
    error.status == 404 && error.code.as_deref() == Some("not_found")
}
