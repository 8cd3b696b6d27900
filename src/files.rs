use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use napi::Env;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use sandbar_client::{Args, ClientError, NewFile, WriteCall};
use serde::Serialize;

use crate::call::{Cancel, Promised, record};
use crate::native_runtime::NativeRuntime;
use crate::stream::NativeStream;

/// The files of the sandbox. A path is `path`, options are `options`.
#[napi]
impl NativeRuntime {
    /// Whether there is something: `true` or `false`.
    #[napi]
    pub fn file_exists<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::file, |runtime, (path, call)| async move {
            json(&runtime.exists(&path, &call).await?)
        })
    }

    /// What is there: an EntryInfo.
    #[napi]
    pub fn file_info<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::file, |runtime, (path, call)| async move {
            json(&runtime.stat(&path, &call).await?)
        })
    }

    /// What is in a directory: an array of EntryInfo.
    #[napi]
    pub fn list_dir<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::list_dir, |runtime, (list, call)| async move {
            json(&runtime.list_dir(&list.path, list.depth, &call).await?)
        })
    }

    /// Makes a directory: `true`, or `false` if it was there already.
    #[napi]
    pub fn make_dir<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::file, |runtime, (path, call)| async move {
            json(&runtime.make_dir(&path, &call).await?)
        })
    }

    /// Removes what is there: `null`.
    #[napi]
    pub fn remove_file<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::file, |runtime, (path, call)| async move {
            json(&runtime.remove(&path, &call).await?)
        })
    }

    /// Moves what is at `oldPath` to `newPath`: its EntryInfo.
    #[napi]
    pub fn rename_file<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::rename_file, |runtime, (rename, call)| async move {
            json(&runtime.rename(&rename.from, &rename.to, &call).await?)
        })
    }

    /// Replaces `oldText` by `newText`: what the runtime says to it, as a string.
    #[napi]
    pub fn edit_file<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::edit_file, |runtime, (edit, call)| async move {
            json(&runtime.edit(&edit.path, &edit.old, &edit.new, &call).await?)
        })
    }

    /// Reads a file as text: a string.
    #[napi]
    pub fn read_text<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env> {
        self.call(env, args, cancel, Args::read_file, |runtime, (read, call)| async move {
            json(&runtime.read_text(&read, &call).await?)
        })
    }

    /// Reads a file as bytes; null if there are none.
    #[napi]
    pub fn read_bytes<'env>(&self, env: &'env Env, args: String, cancel: Cancel<'_>) -> Promised<'env, Option<Buffer>> {
        self.call(env, args, cancel, Args::read_file, |runtime, (read, call)| async move {
            Ok(buffer(runtime.read_file(&read, &call).await?))
        })
    }

    /// Writes a file whose content is at hand: a WriteInfo.
    #[napi]
    pub fn write_bytes<'env>(
        &self,
        env: &'env Env,
        args: String,
        cancel: Cancel<'_>,
        content: &[u8],
    ) -> Promised<'env> {
        let data = content.to_vec();
        self.call(env, args, cancel, Args::write_file, |runtime, (write, call)| async move {
            json(&runtime.write_file(write, data, &call).await?)
        })
    }

    /// Writes the `files` whose contents are at hand, in the same order: an array of WriteInfo.
    #[napi]
    pub fn write_files<'env>(
        &self,
        env: &'env Env,
        args: String,
        cancel: Cancel<'_>,
        contents: Vec<&[u8]>,
    ) -> Promised<'env> {
        let contents: Vec<_> = contents.into_iter().map(<[u8]>::to_vec).collect();
        self.call(env, args, cancel, Args::write_files, |runtime, (files, call)| async move {
            let files = files.into_iter().zip(contents);
            let files = files.map(|(WriteCall { path, mode, .. }, data)| NewFile { path, mode, data }).collect();
            json(&runtime.write_files(files, &call).await?)
        })
    }

    /// Watches a directory, as a stream: the first piece is `{}` once the watch stands, the others are events.
    #[napi]
    pub fn watch_dir(&self, args: String) -> NativeStream {
        NativeStream::of(self.runtime(), &args, Args::watch_dir, |runtime, (watch, call)| {
            let begin = async move { runtime.watch_dir(&watch, &call).await };
            let begun = futures_util::stream::once(begin).flat_map(|outcome| {
                let watch = match outcome {
                    Ok(watch) => watch,
                    Err(error) => return futures_util::stream::iter([Err(record(error))]).boxed(),
                };
                let events = try_unfold(watch, |mut watch| async move {
                    let event = watch.next().await.map_err(record)?;
                    event.map(|event| Ok((json(&event).map_err(record)?, watch))).transpose()
                });
                futures_util::stream::iter([Ok("{}".to_owned())]).chain(events).boxed()
            });
            begun.boxed()
        })
    }
}

/// What the client gives always serialises.
fn json(value: &impl Serialize) -> Result<String, ClientError> {
    Ok(serde_json::to_string(value).unwrap_or_default())
}

/// Bytes for JavaScript; none of no bytes, as Node.js takes no empty memory of others.
pub(crate) fn buffer(bytes: Vec<u8>) -> Option<Buffer> {
    (!bytes.is_empty()).then(|| bytes.into())
}
