use std::sync::Arc;

use napi_derive::napi;
use sandbar_client::{Args, BodyReader};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::call::{Cancel, json, ready, record};
use crate::copied_buffer::CopiedBuffer;
use crate::native_runtime::{Inside, NativeRuntime};
use crate::outcomes::Mailbox;

/// The bytes of a file, each piece taken from the connection when it is asked for, until its end or `stop()`.
#[napi]
pub struct NativeReader {
    mailbox: Mailbox,
    pub(crate) reader: Arc<Mutex<Option<BodyReader>>>,
    stopped: CancellationToken,
}

#[napi]
impl NativeRuntime {
    /// A reader that is not open yet.
    #[napi]
    pub fn reader(&self) -> NativeReader {
        NativeReader { mailbox: self.mailbox().clone(), reader: Arc::default(), stopped: CancellationToken::new() }
    }
}

#[napi]
impl NativeReader {
    /// Opens the file: how many bytes are to come, or null if that is not known.
    #[napi]
    pub fn open(&self, place: u32, runtime: &NativeRuntime, args: String, cancel: Cancel<'_>) {
        let opened = Arc::clone(&self.reader);
        let route = |args: &Args| {
            let (read, call) = args.read_file()?;
            ready(move |inside: Inside| async move {
                let reader = inside.runtime.open_file(&read, &call).await?;
                let left = reader.left();
                *opened.lock().await = Some(reader);
                json(&left)
            })
        };
        runtime.run(place, args, cancel, Box::new(route));
    }

    /// Puts the next bytes at `place`; null at the end, and once it is stopped.
    #[napi]
    pub fn next(&self, place: u32) {
        let (opened, stopped) = (Arc::clone(&self.reader), self.stopped.clone());
        self.mailbox.settle(place, async move {
            let mut opened = opened.lock().await;
            let Some(reader) = opened.as_mut() else { return Ok(None) };
            let piece = stopped.run_until_cancelled(reader.next()).await;
            match piece.transpose().map_err(record)?.flatten() {
                Some(bytes) if !stopped.is_cancelled() => Ok(Some(CopiedBuffer(bytes))),
                // With it goes its connection.
                _ => {
                    *opened = None;
                    Ok(None)
                }
            }
        });
    }

    /// Stops it at once, and closes its connection if there is more to come.
    #[napi]
    pub fn stop(&self) {
        self.stopped.cancel();
        // A call of next() that is under way does it itself.
        if let Ok(mut place) = self.reader.try_lock() {
            *place = None;
        }
    }
}
