use napi::Env;
use napi::bindgen_prelude::ToNapiValue;
use napi_derive::napi;
use sandbar_client::{Args, ClientError, Code, Runtime};
use sandbar_protocol::{Envd, ValidationError};
use serde::Deserialize;

use crate::call::{Callee, Cancel, Promised, call, record};
use crate::native_client::NativeClient;

/// The runtime of one sandbox for the JS face. Calls are as those of [`NativeClient`].
#[napi]
pub struct NativeRuntime {
    runtime: Callee<Runtime>,
    code: Callee<Code>,
}

/// Which sandbox, and where its runtime is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    sandbox_id: String,
    #[serde(flatten)]
    envd: Envd,
}

#[napi]
impl NativeClient {
    /// The runtime of a sandbox, by `{"sandboxId", "envdUrl"?, "envdAccessToken"?}` as JSON text. It never throws.
    #[napi]
    pub fn runtime(&self, place: String) -> NativeRuntime {
        let runtime = self.client().and_then(|client| {
            read(&place).and_then(|place| client.runtime(&place.sandbox_id, Some(place.envd))).map_err(record)
        });
        let code = runtime.clone().map(|runtime| runtime.code());
        NativeRuntime { runtime, code }
    }
}

fn read(place: &str) -> Result<Place, ClientError> {
    serde_json::from_str(place).map_err(|error| ValidationError::new("sandboxId", error.to_string()).into())
}

#[napi]
impl NativeRuntime {
    pub(crate) fn runtime(&self) -> Callee<Runtime> {
        self.runtime.clone()
    }

    pub(crate) fn code(&self) -> Callee<Code> {
        self.code.clone()
    }

    /// Takes in where the runtime is now, as JSON text like that of `runtime()`.
    #[napi]
    pub fn move_to(&self, place: String) {
        if let (Ok(runtime), Ok(place)) = (&self.runtime, read(&place)) {
            runtime.set_envd(Some(place.envd));
        }
    }

    /// Where the runtime is as far as is known: `{"envdUrl", "envdAccessToken"}`, or null.
    #[napi]
    pub fn place(&self) -> Option<String> {
        let envd = self.runtime.as_ref().ok()?.known_envd()?;
        // Strings always serialise.
        serde_json::to_string(&envd).ok()
    }

    pub(crate) fn call<'env, A, T, F>(
        &self,
        env: &'env Env,
        args: String,
        cancel: Cancel<'_>,
        read: fn(&Args) -> Result<A, ValidationError>,
        run: impl FnOnce(Runtime, A) -> F + Send + 'static,
    ) -> Promised<'env, T>
    where
        A: Send + 'static,
        T: ToNapiValue + Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        call(env, &self.runtime, args, cancel, read, run)
    }
}
