use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use napi::bindgen_prelude::ClassInstance;
use sandbar_client::{Args, Client, ClientError, ErrorRecord, TraceContext};
use sandbar_protocol::ValidationError;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::cancel_handle::CancelHandle;
use crate::outcomes::{Given, Mailbox, Outcome};

/// What ends a call early.
pub(crate) type Cancel<'a> = Option<ClassInstance<'a, CancelHandle>>;
/// What calls are made on, or what is wrong with it.
pub(crate) type Callee<C> = Result<C, Box<ErrorRecord>>;
/// Reads the arguments of a call, which are judged before the configuration.
pub(crate) type Route<C> = Box<dyn FnOnce(&Args) -> Result<Ready<C>, ValidationError> + Send>;
/// A call whose arguments are read. Boxed, as there are many kinds of calls, and each would be built with all that runs it.
pub(crate) type Ready<C> = Box<dyn FnOnce(C) -> BoxFuture<'static, Outcome<Given>> + Send>;

/// A call of this name whose arguments are read, if there is one of this name.
pub(crate) type Found<C> = Option<Result<Ready<C>, ValidationError>>;

/// What calls are made on.
pub(crate) trait Traced: Clone + Send + 'static {
    /// The same, whose requests belong to a trace.
    fn within(self, trace: &TraceContext) -> Self;
}

impl Traced for Client {
    fn within(self, trace: &TraceContext) -> Self {
        Self::within(self, trace)
    }
}

/// A call that runs like this.
pub(crate) fn ready<C, T, F>(run: impl FnOnce(C) -> F + Send + 'static) -> Result<Ready<C>, ValidationError>
where
    T: Into<Given>,
    F: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    Ok(Box::new(move |callee| run(callee).map(|outcome| outcome.map(Into::into).map_err(record)).boxed()))
}

/// A route of this name, which only a defect of the JS face asks for if there is none.
pub(crate) fn route<C: 'static>(method: &str, find: fn(&str, &Args) -> Found<C>) -> Route<C> {
    let method = method.to_owned();
    Box::new(move |args| {
        let unknown = || Err(ValidationError::new("method", format!("there is no call {method}")));
        find(&method, args).unwrap_or_else(unknown)
    })
}

/// Runs a call, and puts its outcome at this place.
pub(crate) fn call<C: Traced>(
    mailbox: &Mailbox,
    place: u32,
    callee: &Callee<C>,
    args: String,
    cancel: Cancel<'_>,
    route: Route<C>,
) {
    let callee = callee.clone();
    let begin = move || {
        let parsed = Args::parse(&args).and_then(|args| Ok((route(&args)?, args.trace())));
        let (ready, trace) = parsed.map_err(|error| record(error.into()))?;
        Ok(ready(trace.iter().fold(callee?, |callee, trace| callee.within(trace))))
    };
    mailbox.settle(place, run_until(cancel.map(|handle| handle.token()), Box::new(begin)));
}

/// How a call begins, or what is wrong with its arguments.
type Begin = Box<dyn FnOnce() -> Outcome<BoxFuture<'static, Outcome<Given>>> + Send>;

/// Runs a call unless it is cancelled.
async fn run_until(cancelled: Option<CancellationToken>, begin: Begin) -> Outcome<Given> {
    let call = begin()?;
    let Some(cancelled) = cancelled else { return call.await };
    // A dropped call cleans up after itself.
    cancelled.run_until_cancelled(call).await.unwrap_or_else(|| Err(Box::new(ErrorRecord::cancelled())))
}

pub(crate) fn record(error: ClientError) -> Box<ErrorRecord> {
    Box::new(ErrorRecord::from(&error))
}

/// What the client gives always serialises.
pub(crate) fn json(value: &impl Serialize) -> Result<String, ClientError> {
    Ok(serde_json::to_string(value).unwrap_or_default())
}
