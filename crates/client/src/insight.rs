//! The routes that only look: logs, metrics, observability, usage.

use sandbar_protocol::{
    Fields, LogsQuery, MetricBatch, MetricSnapshot, ObservabilitySummary, SandboxLogs, SandboxUsageLimits,
    TemplateInfo, ValidationError, check_sandbox_id, kind_of,
};
use serde_json::Value;

use crate::answer::RawAnswer;
use crate::request::Request;
use crate::{Answer, CallOptions, Client, ClientError};

/// The most sandboxes of one batch.
const MAX_BATCH: u64 = 100;

/// Query of `GET /sandboxes/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsBatchQuery {
    /// The sandboxes; empty means all.
    pub sandbox_ids: Vec<String>,
    /// The most snapshots, 1…100.
    pub limit: Option<u64>,
}

impl MetricsBatchQuery {
    /// Reads `{sandboxIds: ["sb-1", …], limit}`.
    ///
    /// # Errors
    /// [`ValidationError`], which names the field and the way out.
    pub fn from_json(value: &Value) -> Result<Self, ValidationError> {
        let fields = Fields::of("metrics options", value, &["sandboxIds", "limit"])?;
        let ids = match fields.get("sandboxIds") {
            None => &[],
            Some(Value::Array(ids)) => ids.as_slice(),
            Some(other) => {
                let message = format!("`sandboxIds` must be an array of sandbox IDs, got {}", kind_of(other));
                return Err(ValidationError::new("sandboxIds", message));
            }
        };
        if ids.len() as u64 > MAX_BATCH {
            let message = format!("`sandboxIds` has {} IDs: ask for at most {MAX_BATCH} at once", ids.len());
            return Err(ValidationError::new("sandboxIds", message));
        }
        let sandbox_ids = ids.iter().map(|id| check_sandbox_id(id).map(str::to_owned)).collect::<Result<_, _>>()?;
        Ok(Self { sandbox_ids, limit: fields.integer("limit", 1, MAX_BATCH, "sandboxes")? })
    }
}

impl Client {
    /// Reads a sandbox's log lines.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /sandboxes/:sandboxID/logs`.
    pub async fn logs(
        &self,
        sandbox_id: &str,
        query: &LogsQuery,
        call: CallOptions,
    ) -> Result<Answer<SandboxLogs>, ClientError> {
        let request = self.get_of(sandbox_id, "/logs", &call)?.query(query.to_pairs());
        self.transport().send(&request, RawAnswer::object).await
    }

    /// Reads a sandbox's counters at this moment; what is not known is null.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /sandboxes/:sandboxID/metrics`.
    pub async fn metrics(&self, sandbox_id: &str, call: CallOptions) -> Result<Answer<MetricSnapshot>, ClientError> {
        self.transport().send(&self.get_of(sandbox_id, "/metrics", &call)?, RawAnswer::object).await
    }

    /// Reads the counters of several sandboxes in one request.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /sandboxes/metrics`.
    pub async fn metrics_batch(
        &self,
        query: &MetricsBatchQuery,
        call: CallOptions,
    ) -> Result<Answer<MetricBatch>, ClientError> {
        for id in &query.sandbox_ids {
            check_sandbox_id(&Value::from(id.as_str()))?;
        }
        let ids = (!query.sandbox_ids.is_empty()).then(|| ("sandbox_ids", query.sandbox_ids.join(",")));
        let limit = query.limit.map(|limit| ("limit", limit.to_string()));
        let request = Request::get("/sandboxes/metrics", self.limits(&call)).query(ids.into_iter().chain(limit));
        self.transport().send(&request, RawAnswer::object).await
    }

    /// Reads whether the service is well, which limits are near, and what to do about them.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /observability/summary`.
    pub async fn observability_summary(&self, call: CallOptions) -> Result<Answer<ObservabilitySummary>, ClientError> {
        let request = Request::get("/observability/summary", self.limits(&call));
        self.transport().send(&request, RawAnswer::object).await
    }

    /// Reads the caller's and the project's usage and limits.
    ///
    /// # Errors
    /// As every call.
    ///
    /// Route: `GET /usage/limits`.
    pub async fn usage_limits(&self, call: CallOptions) -> Result<Answer<SandboxUsageLimits>, ClientError> {
        self.transport().send(&Request::get("/usage/limits", self.limits(&call)), RawAnswer::object).await
    }

    /// Lists what sandboxes can be made from.
    ///
    /// # Errors
    /// As every call; 404 from a service that has no such list.
    ///
    /// Route: `GET /templates`.
    pub async fn templates(&self, call: CallOptions) -> Result<Answer<Vec<TemplateInfo>>, ClientError> {
        self.transport().send(&Request::get("/templates", self.limits(&call)), RawAnswer::array).await
    }
}
