use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use napi_derive::napi;
use sandbar_client::{Args, NewFile, WriteCall};

use crate::call::{Cancel, Found, json, ready, record};
use crate::native_runtime::{Inside, NativeRuntime};
use crate::stream::NativeStream;

/// Calls on files. A path is `path`, options are `options`.
pub(crate) fn find(method: &str, args: &Args) -> Found<Inside> {
    Some(match method {
        // `true` or `false`.
        "fileExists" => args.file().and_then(|(path, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.exists(&path, &call).await?) })
        }),
        // An EntryInfo.
        "fileInfo" => args.file().and_then(|(path, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.stat(&path, &call).await?) })
        }),
        // An array of EntryInfo.
        "listDir" => {
            args.list_dir().and_then(|(list, call)| {
                ready(move |inside: Inside| async move {
                    json(&inside.runtime.list_dir(&list.path, list.depth, &call).await?)
                })
            })
        }
        // `true`, or `false` if it was there already.
        "makeDir" => args.file().and_then(|(path, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.make_dir(&path, &call).await?) })
        }),
        // `null`.
        "removeFile" => args.file().and_then(|(path, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.remove(&path, &call).await?) })
        }),
        // The EntryInfo of what was at `oldPath`.
        "renameFile" => {
            args.rename_file().and_then(|(rename, call)| {
                ready(move |inside: Inside| async move {
                    json(&inside.runtime.rename(&rename.from, &rename.to, &call).await?)
                })
            })
        }
        // What the runtime says to it.
        "editFile" => args.edit_file().and_then(|(edit, call)| {
            ready(move |inside: Inside| async move {
                json(&inside.runtime.edit(&edit.path, &edit.old, &edit.new, &call).await?)
            })
        }),
        // A string.
        "readText" => args.read_file().and_then(|(read, call)| {
            ready(move |inside: Inside| async move { json(&inside.runtime.read_text(&read, &call).await?) })
        }),
        // Bytes; null if there are none.
        "readBytes" => args.read_file().and_then(|(read, call)| {
            ready(move |inside: Inside| async move { inside.runtime.read_file(&read, &call).await })
        }),
        _ => return None,
    })
}

#[napi]
impl NativeRuntime {
    /// Writes a file whose content is at hand: a WriteInfo.
    #[napi]
    pub fn write_bytes(&self, place: u32, args: String, cancel: Cancel<'_>, content: &[u8]) {
        let data = content.to_vec();
        let route = |args: &Args| {
            let (write, call) = args.write_file()?;
            ready(move |inside: Inside| async move { json(&inside.runtime.write_file(write, data, &call).await?) })
        };
        self.run(place, args, cancel, Box::new(route));
    }

    /// Writes the `files` whose contents are at hand, in the same order: an array of WriteInfo.
    #[napi]
    pub fn write_files(&self, place: u32, args: String, cancel: Cancel<'_>, contents: Vec<&[u8]>) {
        let contents: Vec<_> = contents.into_iter().map(<[u8]>::to_vec).collect();
        let route = |args: &Args| {
            let (files, call) = args.write_files()?;
            let files = files.into_iter().zip(contents);
            let files = files.map(|(WriteCall { path, mode, .. }, data)| NewFile { path, mode, data }).collect();
            ready(move |inside: Inside| async move { json(&inside.runtime.write_files(files, &call).await?) })
        };
        self.run(place, args, cancel, Box::new(route));
    }

    /// Watches a directory, as a stream: the first piece is `{}` once the watch stands, the others are events.
    #[napi]
    pub fn watch_dir(&self, args: String) -> NativeStream {
        NativeStream::of(
            self.mailbox(),
            self.inside(),
            &args,
            Args::watch_dir,
            |Inside { runtime, .. }, (watch, call)| {
                let begin = async move { runtime.watch_dir(&watch, &call).await };
                let begun = futures_util::stream::once(begin).flat_map(|outcome| {
                    let watch = match outcome {
                        Ok(watch) => watch,
                        Err(error) => return futures_util::stream::iter([Err(record(error))]).boxed(),
                    };
                    let events = try_unfold(watch, |mut watch| async move {
                        let event = watch.next().await.map_err(record)?;
                        event.map(|event| Ok((json(&event).map_err(record)?.into(), watch))).transpose()
                    });
                    futures_util::stream::iter([Ok("{}".to_owned().into())]).chain(events).boxed()
                });
                begun.boxed()
            },
        )
    }
}
