//! Deleting all sandboxes that some metadata match.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream::iter;
use sandbar_protocol::{Fields, ListQuery, PublicState, Sandbox, ValidationError};

use crate::{Args, Call, CallOptions, Client, ClientError};

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
            let mut found = self.list_all(&all.query, &call).await?;
            found.retain(|sandbox| tried.insert(sandbox.sandbox_id.clone()));
            if found.is_empty() {
                return Ok(report);
            }
            let mut ids = Vec::new();
            for sandbox in found {
                let sandbox_id = sandbox.sandbox_id.clone();
                match self.is_meant(sandbox, &all.query, &call).await {
                    Ok(true) => ids.push(sandbox_id),
                    Ok(false) => {}
                    Err(error) => report.failed.push((sandbox_id, error)),
                }
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

    /// The sandboxes of all pages.
    async fn list_all(&self, query: &ListQuery, call: &CallOptions) -> Result<Vec<Sandbox>, ClientError> {
        let mut query = query.clone();
        let (mut found, mut tokens) = (Vec::new(), HashSet::new());
        loop {
            let page = self.list(&query, call.clone()).await?;
            found.extend(page.sandboxes.value);
            // A token that was there before leads in a circle.
            if !page.has_next || !tokens.insert(page.next_token.clone()) {
                return Ok(found);
            }
            query.next_token = page.next_token;
        }
    }

    /// Whether a listed sandbox is one of those that the query asks for: a service that does not filter must not cost others
    /// theirs. What the list does not show is looked up.
    async fn is_meant(&self, listed: Sandbox, query: &ListQuery, call: &CallOptions) -> Result<bool, ClientError> {
        if let Some(known) = matches(&listed, query) {
            return Ok(known);
        }
        let answer = match self.get(&listed.sandbox_id, call.clone()).await {
            Err(error) if error.is_gone() => return Ok(false),
            outcome => outcome?,
        };
        matches(&answer.value, query).ok_or_else(|| ClientError::InvalidAnswer {
            status: answer.status,
            content_type: "application/json".to_owned(),
            excerpt: String::new(),
            problem: "no readable `metadata` and `state`, so it was left alone".to_owned(),
            call: Box::new(Call {
                method: "GET",
                path: format!("/sandboxes/{}", listed.sandbox_id),
                request_id: answer.request_id,
                attempts: 1,
                sandbox_id: Some(listed.sandbox_id),
                ..Call::default()
            }),
        })
    }
}

/// Whether a sandbox has the metadata and one of the states; `None` if that is not shown.
fn matches(sandbox: &Sandbox, query: &ListQuery) -> Option<bool> {
    let metadata = sandbox.metadata.as_ref()?;
    let has_all = query.metadata.iter().all(|(name, value)| metadata.get(name) == Some(value));
    if !has_all || query.states.is_empty() {
        return Some(has_all);
    }
    let state = sandbox.public_state()?;
    let is_one = |wanted: &PublicState| wanted == state || (wanted.is_failed() && state.is_failed());
    Some(query.states.iter().any(is_one))
}
