use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use napi::bindgen_prelude::{JsValue, Object, PromiseRaw, ToNapiValue};
use napi::{Env, Result};
use sandbar_client::ErrorRecord;

/// What a call comes to: JSON text, or the record of its error.
pub(crate) type Outcome<T = String> = std::result::Result<T, Box<ErrorRecord>>;

/// Runs a call on the addon's runtime, and gives back the promise of its outcome.
///
/// The promise rejects with a plain object `{record: "<ErrorRecord as JSON>"}`: the error itself is made in the caller's
/// realm. A panic of the call is such a record, too.
pub(crate) fn promise<T, F>(env: &Env, call: F) -> Result<PromiseRaw<'_, T>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let guarded = async {
        let outcome = AssertUnwindSafe(call).catch_unwind().await;
        Ok(outcome.unwrap_or_else(|_| Err(Box::new(defect()))))
    };
    env.spawn_future_with_callback(guarded, |env, outcome| match outcome {
        Ok(value) => Ok(value),
        Err(record) => {
            let mut rejection = Object::new(env)?;
            rejection.set("record", record.to_json())?;
            Err(napi::Error::from(rejection.to_unknown()))
        }
    })
}

pub(crate) fn defect() -> ErrorRecord {
    ErrorRecord::internal("the call ended in a defect of the SDK: please report it, with what was printed on stderr")
}
