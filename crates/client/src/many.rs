//! Many sandboxes in one call: all of them, or a report.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sandbar_protocol::{CreateOptions, Fields, Sandbox, ValidationError};
use serde_json::json;

use crate::delete_all::{DEFAULT_CONCURRENCY, DeleteReport, MAX_CONCURRENCY};
use crate::{Answer, Args, CallOptions, Client, ClientError};

/// The most sandboxes of one call.
const MAX_COUNT: u64 = 1_000;

/// What happens to the sandboxes of a call of which one could not be created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// No more are created, and those that were are deleted.
    #[default]
    Delete,
    /// They stay, and the others are still tried.
    Keep,
}

/// The arguments of create_many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMany {
    /// How many, 0…1000.
    pub count: usize,
    /// What each is created with.
    pub options: CreateOptions,
    /// How many are created at the same time, 1…64.
    pub concurrency: usize,
    /// What to do if one can't be created.
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
    /// All that was begun is waited for, so that no sandbox is left behind that the report does not know. It never fails
    /// as a whole.
    ///
    /// Routes: `POST /sandboxes`, and `DELETE /sandboxes/:sandboxID` after a failure.
    pub async fn create_many(
        &self,
        many: &CreateMany,
        call: CallOptions,
        mut progress: impl FnMut(Created) + Send,
    ) -> CreateReport {
        let mut so_far = Created::default();
        let mut outcomes = Vec::new();
        let mut begun = 0;
        let mut running = FuturesUnordered::new();
        loop {
            let more = so_far.failed == 0 || many.on_failure == OnFailure::Keep;
            while more && begun < many.count && running.len() < many.concurrency {
                let place = begun;
                running.push(async move { (place, self.create(&many.options, call).await) });
                begun += 1;
            }
            let Some((place, outcome)) = running.next().await else { break };
            match &outcome {
                Ok(_) => so_far.created += 1,
                Err(_) => so_far.failed += 1,
            }
            progress(so_far);
            outcomes.push((place, outcome));
        }
        outcomes.sort_by_key(|(place, _)| *place);
        let mut report = CreateReport::default();
        for (_, outcome) in outcomes {
            match outcome {
                Ok(answer) => report.created.push(answer),
                Err(error) => report.errors.push(error),
            }
        }
        if !report.errors.is_empty() && many.on_failure == OnFailure::Delete {
            let created = report.created.iter().map(|answer| answer.value.sandbox_id.as_str());
            // One that did not become ready is there as well.
            let unready = report.errors.iter().filter_map(ClientError::sandbox_id);
            let ids = created.chain(unready).map(str::to_owned).collect();
            report.cleanup = Some(self.delete_each(ids, many.concurrency, call).await);
        }
        report
    }
}

impl CreateReport {
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

fn to_usize(number: u64) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}
