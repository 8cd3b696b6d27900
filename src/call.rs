use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use napi::Env;
use napi::bindgen_prelude::{ClassInstance, PromiseRaw, ToNapiValue};
use sandbar_client::{Args, Client, ClientError, ErrorRecord, Runtime, TraceContext};
use sandbar_protocol::ValidationError;
use tokio_util::sync::CancellationToken;

use crate::cancel_handle::CancelHandle;
use crate::promise::{Outcome, promise};

/// What ends a call early.
pub(crate) type Cancel<'a> = Option<ClassInstance<'a, CancelHandle>>;
pub(crate) type Promised<'env, T = String> = napi::Result<PromiseRaw<'env, T>>;
/// What calls are made on, or what is wrong with it.
pub(crate) type Callee<C> = Result<C, Box<ErrorRecord>>;

/// What calls are made on.
pub(crate) trait Traced: Send + 'static {
    /// The same, whose requests belong to a trace.
    fn within(self, trace: &TraceContext) -> Self;
}

impl Traced for Client {
    fn within(self, trace: &TraceContext) -> Self {
        Self::within(self, trace)
    }
}

impl Traced for Runtime {
    fn within(self, trace: &TraceContext) -> Self {
        Self::within(self, trace)
    }
}

/// Reads the arguments, which are judged before the configuration, and runs the call with them.
pub(crate) fn call<'env, C, A, T, F>(
    env: &'env Env,
    callee: &Callee<C>,
    args: String,
    cancel: Cancel<'_>,
    read: fn(&Args) -> Result<A, ValidationError>,
    run: impl FnOnce(C, A) -> F + Send + 'static,
) -> Promised<'env, T>
where
    C: Traced + Clone,
    A: Send + 'static,
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    let callee = callee.clone();
    let begin = move || {
        let parsed = Args::parse(&args).and_then(|args| Ok((read(&args)?, args.trace())));
        let (arguments, trace) = parsed.map_err(|error| record(error.into()))?;
        let callee = trace.iter().fold(callee?, |callee, trace| callee.within(trace));
        Ok(run(callee, arguments).boxed())
    };
    promise(env, run_until(cancel.map(|handle| handle.token()), Box::new(begin)))
}

/// How a call begins, or what is wrong with its arguments.
type Begin<T> = Box<dyn FnOnce() -> Result<BoxFuture<'static, Result<T, ClientError>>, Box<ErrorRecord>> + Send>;

/// Runs a call unless it is cancelled. Boxed, as there are many kinds of calls, and few of values.
async fn run_until<T>(cancelled: Option<CancellationToken>, begin: Begin<T>) -> Outcome<T> {
    let call = begin()?;
    let Some(cancelled) = cancelled else { return call.await.map_err(record) };
    // A dropped call cleans up after itself.
    match cancelled.run_until_cancelled(call).await {
        Some(outcome) => outcome.map_err(record),
        None => Err(Box::new(ErrorRecord::cancelled())),
    }
}

pub(crate) fn record(error: ClientError) -> Box<ErrorRecord> {
    Box::new(ErrorRecord::from(&error))
}
