//! Many sandboxes in one call: all of them, or a report.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sandbar_protocol::{CreateOptions, Fields, Sandbox, ValidationError};
use serde_json::json;
use tokio::sync::oneshot;

use crate::delete_all::{DEFAULT_CONCURRENCY, DeleteReport, MAX_CONCURRENCY};
use crate::{Answer, Args, CallOptions, Client, ClientError, OnFailure};

/// The most sandboxes of one call.
const MAX_COUNT: u64 = 1_000;

/// The arguments of create_many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMany {
    /// How many, 0…1000.
    pub count: usize,
    /// What each is created with.
    pub options: CreateOptions,
    /// How many are created at the same time, 1…64.
    pub concurrency: usize,
    /// What happens to the others if one can't be created: they are deleted, and no more are created, or they stay, and the
    /// rest is tried.
    pub on_failure: OnFailure,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// How many there are.
    pub created: usize,
    /// How many could not be created.
    pub failed: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct CreateReport {
    /// The sandboxes, in the order in which they were begun.
    pub created: Vec<Answer<Sandbox>>,
    /// Why there are not more, in the same order.
    pub errors: Vec<ClientError>,
    /// What was deleted, if some could not be created and [`OnFailure::Delete`] was asked for.
    pub cleanup: Option<DeleteReport>,
}

impl Args {
    /// Arguments of create_many: those of create, beside `count`, `options.concurrency` and `options.onFailure`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn create_many(&self) -> Result<(CreateMany, CallOptions), ValidationError> {
        let count = json!({ "count": self.get("count") });
        let count =
            Fields::of("createMany arguments", &count, &["count"])?.integer("count", 0, MAX_COUNT, "sandboxes")?;
        let (rest, own) = self.without_options(&["concurrency", "onFailure"]);
        let fields = Fields::of("createMany options", &own, &["concurrency", "onFailure"])?;
        let concurrency = fields.integer("concurrency", 1, MAX_CONCURRENCY, "creates")?;
        let on_failure = match fields.word("onFailure", &["delete", "keep"])? {
            Some("keep") => OnFailure::Keep,
            _ => OnFailure::Delete,
        };
        let (options, call) = rest.create()?;
        refuse_key(&call)?;
        let many = CreateMany {
            count: to_usize(count.unwrap_or_default()),
            options,
            concurrency: to_usize(concurrency.unwrap_or(DEFAULT_CONCURRENCY)),
            on_failure,
        };
        Ok((many, call))
    }
}

impl Client {
    /// Creates many equal sandboxes. `progress` is told of each that is created, or could not be.
    ///
    /// All that was begun is waited for, so that no sandbox is left behind that the report does not know. Dropping the
    /// future aborts it: what it has created is deleted in the background.
    ///
    /// # Errors
    /// None that one create has: these are in the report. [`ClientError::Validation`] if the call has an idempotency key, and
    /// [`ClientError::Transport`] if the runtime ended meanwhile.
    ///
    /// Routes: `POST /sandboxes`, and `DELETE /sandboxes/:sandboxID` after a failure.
    pub async fn create_many(
        &self,
        many: &CreateMany,
        call: CallOptions,
        progress: impl FnMut(Created) + Send + 'static,
    ) -> Result<CreateReport, ClientError> {
        refuse_key(&call)?;
        let (client, many) = (self.clone(), many.clone());
        let entered = self.transport().transport.creations.enter();
        let (mut caller, report) = oneshot::channel();
        tokio::spawn(async move {
            let mut creating = Creating::default();
            let aborted = tokio::select! {
                biased;
                () = caller.closed() => true,
                () = creating.run(&client, &many, &call, progress) => false,
            };
            if aborted {
                drop(client.unclaimed(creating.ids(), &call));
            } else {
                let report = creating.report(&client, &many, &call).await;
                let unclaimed = client.unclaimed(report.ids(), &call);
                // Lost on the way if nobody is there, or is not any more when it arrives.
                let _ = caller.send((report, unclaimed));
            }
            drop(entered);
        });
        let (report, unclaimed) = report.await.map_err(|_| self.transport().transport.stopped())?;
        unclaimed.claim();
        Ok(report)
    }
}

/// What came of those that were begun, by their place.
#[derive(Default)]
struct Creating(Vec<(usize, Result<Answer<Sandbox>, ClientError>)>);

impl Creating {
    async fn run(
        &mut self,
        client: &Client,
        many: &CreateMany,
        call: &CallOptions,
        mut progress: impl FnMut(Created) + Send,
    ) {
        let mut so_far = Created::default();
        let mut begun = 0;
        let mut running = FuturesUnordered::new();
        loop {
            let more = so_far.failed == 0 || many.on_failure == OnFailure::Keep;
            while more && begun < many.count && running.len() < many.concurrency {
                let place = begun;
                running.push(async move { (place, client.create(&many.options, call.clone()).await) });
                begun += 1;
            }
            let Some((place, outcome)) = running.next().await else { return };
            match &outcome {
                Ok(_) => so_far.created += 1,
                Err(_) => so_far.failed += 1,
            }
            self.0.push((place, outcome));
            progress(so_far);
        }
    }

    fn ids(self) -> Vec<String> {
        self.0.into_iter().filter_map(|(_, outcome)| Some(outcome.ok()?.value.sandbox_id)).collect()
    }

    async fn report(mut self, client: &Client, many: &CreateMany, call: &CallOptions) -> CreateReport {
        self.0.sort_by_key(|(place, _)| *place);
        let mut report = CreateReport::default();
        for (_, outcome) in self.0 {
            match outcome {
                Ok(answer) => report.created.push(answer),
                Err(error) => report.errors.push(error),
            }
        }
        if !report.errors.is_empty() && many.on_failure == OnFailure::Delete {
            let cleanup = client.delete_each(report.ids(), many.concurrency, call).await;
            let left = cleanup.failed.iter().map(|(id, _)| id.clone()).collect();
            // The caller does not wait for it, but it goes on.
            drop(client.unclaimed(left, call));
            report.cleanup = Some(cleanup);
        }
        report
    }
}

impl CreateReport {
    /// The IDs of the sandboxes that were created and not deleted again.
    pub fn ids(&self) -> Vec<String> {
        if self.cleanup.is_some() {
            return Vec::new();
        }
        self.created.iter().map(|answer| answer.value.sandbox_id.clone()).collect()
    }

    /// What is to be said about its failures: how many, and what became of the others.
    pub fn message(&self, count: usize) -> String {
        let Self { created, errors, cleanup } = self;
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        let failed = cleanup.as_ref().map_or(0, |cleanup| cleanup.failed.len());
        let others = match (created.len(), failed) {
            (0, 0) => String::new(),
            (_, 0) => format!("; {} that were created are deleted again", created.len()),
            _ => format!("; {failed} could not be deleted again: `cleanup.failed` names them"),
        };
        format!("{} of {count} sandboxes could not be created{others}: {first}", errors.len())
    }
}

/// All would be one sandbox, perhaps that of an earlier call.
fn refuse_key(call: &CallOptions) -> Result<(), ValidationError> {
    if call.idempotency_key.is_none() {
        return Ok(());
    }
    let message = "`idempotencyKey` is not accepted here, as all would be one sandbox: leave it out";
    Err(ValidationError::new("idempotencyKey", message))
}

fn to_usize(number: u64) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}
