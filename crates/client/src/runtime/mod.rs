//! What runs inside a sandbox, reached at its `envdUrl` with its access token.

mod access;
mod alive;
mod body_reader;
mod call;
mod code;
mod files;
mod frames;
mod git;
mod ports;
mod process;
mod program;
mod run;
mod transfer;
mod urls;

use std::sync::Arc;

use sandbar_protocol::{Envd, check_sandbox_id};
use serde_json::Value;

use crate::error::Call;
use crate::in_flight::Entered;
use crate::{CallOptions, Client, ClientError, Silence, TraceContext};
use access::Access;
pub(crate) use access::Place;
pub use body_reader::BodyReader;
pub use code::{Code, CodeCall, CodeContext, CodeEvent, ContextCall, CreateContextCall};
pub use files::{
    DirEvent, DirEventKind, DirWatch, EditCall, EntryInfo, EntryKind, FileWriter, ListCall, NewFile, ReadCall,
    RenameCall, Upload, WatchCall, WriteCall, WriteInfo,
};
pub use git::{GitCall, GitFile, GitStatus};
pub use ports::{PortInfo, PortWait};
pub use process::{
    Attach, CommandFailure, CommandResult, InputCall, OUTPUT_KEPT, OutputPiece, OutputReader, OutputStream, Process,
    ProcessConfig, ProcessInfo, Pty, PtySize, Selector, StartCall, StartRequest, Started,
};
pub use program::{ProgramAnswer, ProgramCall};
pub use run::RunCall;
pub use transfer::{DownloadCall, SkipReason, Skipped, TransferProgress, TransferReport, UploadCall};
pub use urls::{Access as UrlAccess, UrlCall};

/// The runtime API of one sandbox. Cheap to clone; clones share what they know of URL and token.
///
/// Its calls fail as those of a [`Client`] do, and with [`ClientError::NotRunning`] if the sandbox does not run. An access
/// token that is refused may be that of an earlier runtime: the sandbox's detail is then read once, and the call repeated.
///
/// A call that could do something twice is repeated only where the first try surely did nothing.
#[derive(Clone, Debug)]
pub struct Runtime {
    client: Client,
    sandbox_id: Arc<str>,
    access: Arc<Access>,
}

impl Client {
    /// The runtime of a sandbox. Nothing is sent: without an `envd` that says where it is, or once that is outdated, the
    /// first call reads the sandbox's detail.
    ///
    /// # Errors
    /// [`ClientError::Validation`] if this can't be a sandbox's ID.
    pub fn runtime(&self, sandbox_id: &str, envd: Option<Envd>) -> Result<Runtime, ClientError> {
        check_sandbox_id(&Value::from(sandbox_id))?;
        let access = Access::default();
        access.set(envd);
        Ok(Runtime { client: self.clone(), sandbox_id: sandbox_id.into(), access: Arc::new(access) })
    }
}

impl Runtime {
    /// The sandbox.
    pub fn sandbox_id(&self) -> &str {
        &self.sandbox_id
    }

    /// Takes in where the runtime is now; `None` if it is not to be reached.
    pub fn set_envd(&self, envd: Option<Envd>) {
        self.access.set(envd);
    }

    /// Where the runtime is, and its token: the newest that is known, from the sandbox's detail if none is.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: none, if they are known; else `GET /sandboxes/:sandboxID`.
    pub async fn envd(&self, call: &CallOptions) -> Result<Envd, ClientError> {
        self.place(call).await.map(Place::into_envd)
    }

    /// Where the runtime is, and its token, as far as is known without asking.
    pub fn known_envd(&self) -> Option<Envd> {
        self.access.get().map(Place::into_envd)
    }

    /// How long it may say nothing.
    fn silence(&self) -> Silence {
        self.client.silence()
    }

    /// A request to a route of the runtime, for an error that is about no single one.
    fn call_to(&self, path: &str) -> Call {
        Call {
            method: "GET",
            path: self.access.get().map(|place| place.join(path).path().to_owned()).unwrap_or_default(),
            attempts: 1,
            sandbox_id: Some(self.sandbox_id.to_string()),
            ..Call::default()
        }
    }

    /// Counts what is cleaned up in the background, for who waits for that.
    fn enter(&self) -> Entered {
        self.client.transport().transport.creations.enter()
    }

    /// The same runtime, whose requests belong to a trace.
    #[must_use]
    pub fn within(mut self, trace: &TraceContext) -> Self {
        self.client = self.client.within(trace);
        self
    }
}
