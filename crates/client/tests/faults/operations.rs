//! Every operation of the client.

use std::time::Duration;

use sandbar_client::{CallOptions, Client, ClientError, MetricsBatchQuery, Wait};
use sandbar_protocol::{
    ConnectOptions, CreateOptions, HeartbeatStatus, ListQuery, LogsQuery, RefreshOptions, Secret, TimeoutOptions,
};

/// The value of an env var, which no error may show.
pub(crate) const ENV_VALUE: &str = "env-value-that-must-not-show";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    List,
    Get,
    Logs,
    Metrics,
    MetricsBatch,
    ObservabilitySummary,
    UsageLimits,
    Heartbeat,
    Pause,
    Refresh,
    SetTimeout,
    Delete,
    WaitReady,
    Create,
    CreateAndWait,
    Connect,
    ConnectAndWait,
}

/// Operations that behave the same: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Their answers are read.
    Reads,
    /// Their answers have no body.
    Changes,
    WaitReady,
    Starts,
}

pub(crate) const ALL: [Operation; 17] = [
    Operation::List,
    Operation::Get,
    Operation::Logs,
    Operation::Metrics,
    Operation::MetricsBatch,
    Operation::ObservabilitySummary,
    Operation::UsageLimits,
    Operation::Heartbeat,
    Operation::Pause,
    Operation::Refresh,
    Operation::SetTimeout,
    Operation::Delete,
    Operation::WaitReady,
    Operation::Create,
    Operation::CreateAndWait,
    Operation::Connect,
    Operation::ConnectAndWait,
];

impl Operation {
    pub(crate) fn group(self) -> Group {
        match self {
            Self::Pause | Self::Refresh | Self::SetTimeout | Self::Delete => Group::Changes,
            Self::Create | Self::CreateAndWait | Self::Connect | Self::ConnectAndWait => Group::Starts,
            Self::WaitReady => Group::WaitReady,
            _ => Group::Reads,
        }
    }

    /// Whether it makes a sandbox.
    pub(crate) fn creates(self) -> bool {
        matches!(self, Self::Create | Self::CreateAndWait)
    }

    pub(crate) async fn run(self, client: &Client, request_timeout: Duration) -> Result<(), ClientError> {
        let id = "sb-1";
        let call = CallOptions { request_timeout: Some(request_timeout), ..CallOptions::new() };
        match self {
            Self::List => client.list(&ListQuery::default(), call).await.map(drop),
            Self::Get => client.get(id, call).await.map(drop),
            Self::Logs => client.logs(id, &LogsQuery::default(), call).await.map(drop),
            Self::Metrics => client.metrics(id, call).await.map(drop),
            Self::MetricsBatch => client.metrics_batch(&MetricsBatchQuery::default(), call).await.map(drop),
            Self::ObservabilitySummary => client.observability_summary(call).await.map(drop),
            Self::UsageLimits => client.usage_limits(call).await.map(drop),
            Self::Heartbeat => client.heartbeat(id, HeartbeatStatus::Healthy, call).await.map(drop),
            Self::Pause => client.pause(id, call).await.map(drop),
            Self::Refresh => client.refresh(id, &RefreshOptions::default(), call).await.map(drop),
            Self::SetTimeout => client.set_timeout(id, &TimeoutOptions { timeout: 60 }, call).await.map(drop),
            Self::Delete => client.delete(id, call).await.map(drop),
            Self::WaitReady => client.wait_ready(id, call).await.map(drop),
            Self::Create => client.create(&options(false), call).await.map(drop),
            Self::CreateAndWait => client.create(&options(true), call).await.map(drop),
            Self::Connect => client.connect(id, &ConnectOptions::default(), Wait::No, call).await.map(drop),
            Self::ConnectAndWait => {
                client.connect(id, &ConnectOptions::default(), Wait::UntilReady, call).await.map(drop)
            }
        }
    }
}

fn options(wait_ready: bool) -> CreateOptions {
    let mut options = CreateOptions { wait_ready, ..CreateOptions::default() };
    options.env_vars.insert("PASSWORD".to_owned(), Secret::new(ENV_VALUE));
    options
}
