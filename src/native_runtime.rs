use napi_derive::napi;
use sandbar_client::{Args, ClientError, Code, Runtime, TraceContext};
use sandbar_protocol::{Envd, ValidationError};
use serde::Deserialize;

use crate::call::{Callee, Cancel, Found, Route, Traced, call, record, route};
use crate::native_client::NativeClient;
use crate::outcomes::Mailbox;
use crate::{code, commands, files, git, ports};

/// The runtime of one sandbox for the JS face.
#[napi]
pub struct NativeRuntime {
    inside: Callee<Inside>,
    mailbox: Mailbox,
}

/// What calls on a runtime are made on.
#[derive(Clone)]
pub(crate) struct Inside {
    pub(crate) runtime: Runtime,
    pub(crate) code: Code,
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
        let inside = runtime.map(|runtime| Inside { code: runtime.code(), runtime });
        NativeRuntime { inside, mailbox: self.mailbox().clone() }
    }
}

fn read(place: &str) -> Result<Place, ClientError> {
    serde_json::from_str(place).map_err(|error| ValidationError::new("sandboxId", error.to_string()).into())
}

#[napi]
impl NativeRuntime {
    pub(crate) fn inside(&self) -> Callee<Inside> {
        self.inside.clone()
    }

    /// Takes in where the runtime is now, as JSON text like that of `runtime()`.
    #[napi]
    pub fn move_to(&self, place: String) {
        if let (Ok(inside), Ok(place)) = (&self.inside, read(&place)) {
            inside.runtime.set_envd(Some(place.envd));
        }
    }

    /// Where the runtime is as far as is known: `{"envdUrl", "envdAccessToken"}`, or null.
    #[napi]
    pub fn place(&self) -> Option<String> {
        let envd = self.inside.as_ref().ok()?.runtime.known_envd()?;
        // Strings always serialise.
        serde_json::to_string(&envd).ok()
    }

    /// Runs a call, and puts its outcome at this place.
    pub(crate) fn run(&self, place: u32, args: String, cancel: Cancel<'_>, route: Route<Inside>) {
        call(&self.mailbox, place, &self.inside, args, cancel, route);
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Runs a call with JSON text, as those of a NativeClient are run.
    #[napi]
    pub fn call(&self, method: String, place: u32, args: String, cancel: Cancel<'_>) {
        self.run(place, args, cancel, route(&method, find));
    }
}

impl Traced for Inside {
    fn within(self, trace: &TraceContext) -> Self {
        Self { runtime: self.runtime.within(trace), code: self.code.within(trace) }
    }
}

/// The calls on a runtime, by their names.
fn find(method: &str, args: &Args) -> Found<Inside> {
    [files::find, commands::find, ports::find, git::find, code::find].iter().find_map(|find| find(method, args))
}
