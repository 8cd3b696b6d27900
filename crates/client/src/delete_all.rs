//! Deleting all sandboxes that some metadata match.

use std::collections::{BTreeMap, HashSet};

use futures_util::StreamExt;
use futures_util::stream::iter;
use sandbar_protocol::{Fields, ListQuery, Sandbox, ValidationError};

use crate::{Args, CallOptions, Client, ClientError};

/// How many requests are in flight at the same time, unless said otherwise.
pub(crate) const DEFAULT_CONCURRENCY: u64 = 8;
pub(crate) const MAX_CONCURRENCY: u64 = 64;

/// The arguments of delete_all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteAll {
    /// Which sandboxes: metadata, never empty, and states.
    pub query: ListQuery,
    /// How many are deleted at the same time, 1…64.
    pub concurrency: usize,
}

/// What came of deleting several sandboxes.
#[derive(Debug, Default)]
pub struct DeleteReport {
    /// Those that are gone now, by whomever.
    pub deleted: Vec<String>,
    /// Those that may still be there, and why.
    pub failed: Vec<(String, ClientError)>,
}

impl Args {
    /// Arguments of delete_all.
    ///
    /// # Errors
    /// [`ValidationError`]; also without metadata: all sandboxes of a project would be deleted.
    pub fn delete_all(&self) -> Result<(DeleteAll, CallOptions), ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("deleteAll options", &options, &["metadata", "state", "concurrency"])?;
        let concurrency = fields.integer("concurrency", 1, MAX_CONCURRENCY, "deletes")?;
        let mut query = options.into_owned();
        if let Some(map) = query.as_object_mut() {
            map.remove("concurrency");
        }
        let query = ListQuery::from_json(&query)?;
        if query.metadata.is_empty() {
            let message = "`metadata` is missing or empty, and would match every sandbox of the project: pass what those \
                           to delete have, as {app: \"demo\"}, or go through list() and kill()";
            return Err(ValidationError::new("metadata", message));
        }
        let concurrency = concurrency.unwrap_or(DEFAULT_CONCURRENCY).try_into().unwrap_or(1);
        Ok((DeleteAll { query, concurrency }, call))
    }
}

impl Client {
    /// Deletes all sandboxes that match, of all pages, and looks again until none is left that was not tried.
    ///
    /// # Errors
    /// As every call, if the list fails; a delete that fails is in the report.
    ///
    /// Routes: `GET /sandboxes`, `DELETE /sandboxes/:sandboxID`.
    pub async fn delete_all(&self, all: &DeleteAll, call: CallOptions) -> Result<DeleteReport, ClientError> {
        let mut report = DeleteReport::default();
        let mut tried = HashSet::new();
        loop {
            // Pages are counted by offset: what goes while they are read moves others out of sight until the next look.
            let found = self.list_all(&all.query, &call).await?;
            let ids: Vec<_> = found.into_iter().filter(|id| tried.insert(id.clone())).collect();
            if ids.is_empty() {
                return Ok(report);
            }
            let DeleteReport { deleted, failed } = self.delete_each(ids, all.concurrency, &call).await;
            report.deleted.extend(deleted);
            report.failed.extend(failed);
        }
    }

    /// Deletes sandboxes by their IDs.
    pub(crate) async fn delete_each(&self, ids: Vec<String>, concurrency: usize, call: &CallOptions) -> DeleteReport {
        let deletes = ids.into_iter().map(|id| async move {
            let outcome = self.delete(&id, call.clone()).await;
            (id, outcome)
        });
        let mut outcomes = iter(deletes).buffered(concurrency);
        let mut report = DeleteReport::default();
        while let Some((id, outcome)) = outcomes.next().await {
            match outcome {
                // `false` says that it was gone already.
                Ok(_) => report.deleted.push(id),
                Err(error) => report.failed.push((id, error)),
            }
        }
        report
    }

    /// The IDs of all pages.
    async fn list_all(&self, query: &ListQuery, call: &CallOptions) -> Result<Vec<String>, ClientError> {
        let mut query = query.clone();
        let mut ids = Vec::new();
        loop {
            let page = self.list(&query, call.clone()).await?;
            let matching = page.sandboxes.value.into_iter().filter(|sandbox| matches(sandbox, &query.metadata));
            ids.extend(matching.map(|sandbox| sandbox.sandbox_id));
            if !page.has_next || page.next_token == query.next_token {
                return Ok(ids);
            }
            query.next_token = page.next_token;
        }
    }
}

/// Whether a sandbox has the metadata, as far as it is shown: a service that does not filter must not cost others theirs.
fn matches(sandbox: &Sandbox, wanted: &BTreeMap<String, String>) -> bool {
    let Some(metadata) = &sandbox.metadata else { return true };
    wanted.iter().all(|(name, value)| metadata.get(name) == Some(value))
}
