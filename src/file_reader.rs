use std::sync::Arc;

use napi::Env;
use napi_derive::napi;
use sandbar_client::{Args, BodyReader};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::call::{Cancel, Promised, call, record};
use crate::copied_buffer::CopiedBuffer;
use crate::native_runtime::NativeRuntime;
use crate::promise::promise;

/// The bytes of a file, each piece taken from the connection when it is asked for, until its end or `stop()`.
#[napi]
#[derive(Default)]
pub struct NativeReader {
    pub(crate) reader: Arc<Mutex<Option<BodyReader>>>,
    stopped: CancellationToken,
}

#[napi]
impl NativeRuntime {
    /// A reader that is not open yet.
    #[napi]
    pub fn reader(&self) -> NativeReader {
        NativeReader::default()
    }
}

#[napi]
impl NativeReader {
    /// Opens the file: how many bytes are to come, or null if that is not known.
    #[napi]
    pub fn open<'env>(
        &self,
        env: &'env Env,
        runtime: &NativeRuntime,
        args: String,
        cancel: Cancel<'_>,
    ) -> Promised<'env> {
        let place = Arc::clone(&self.reader);
        call(env, &runtime.runtime(), args, cancel, Args::read_file, |runtime, (read, call)| async move {
            let reader = runtime.open_file(&read, &call).await?;
            let left = reader.left();
            *place.lock().await = Some(reader);
            Ok(left.map_or_else(|| "null".to_owned(), |left| left.to_string()))
        })
    }

    /// The next bytes; null at the end, and once it is stopped.
    #[napi(ts_return_type = "Promise<Buffer | null>")]
    pub fn next<'env>(&self, env: &'env Env) -> Promised<'env, Option<CopiedBuffer>> {
        let (place, stopped) = (Arc::clone(&self.reader), self.stopped.clone());
        promise(env, async move {
            let mut place = place.lock().await;
            let Some(reader) = place.as_mut() else { return Ok(None) };
            let piece = stopped.run_until_cancelled(reader.next()).await;
            match piece.transpose().map_err(record)?.flatten() {
                Some(bytes) if !stopped.is_cancelled() => Ok(Some(CopiedBuffer(bytes))),
                // With it goes its connection.
                _ => {
                    *place = None;
                    Ok(None)
                }
            }
        })
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
