use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use sandbar_protocol::{
    Availability, Diagnostic, MAX_TIMEOUT_SECS, ObservabilitySummary, RuntimeLimits, SandboxUsageLimits,
    SuggestedAction, UsageScope,
};
use serde_json::json;

use super::App;
use crate::admission::Metric;
use crate::driver::LimitsLevel;
use crate::service::{Condition, is_exhausted};

const CGROUPS: &str = "start the engine where it may make control groups, as root or with \
                       `systemd-run --user --scope -p Delegate=yes sandbar serve`";

/// What a summary calls a part that answers, and one that does not.
fn availability(result: &Result<(), Diagnostic>) -> Availability {
    match result {
        Ok(()) => Availability { status: "available".to_owned(), message: None },
        Err(why) => Availability { status: "unavailable".to_owned(), message: Some(why.message.clone()) },
    }
}

/// What to do, the gravest first.
fn actions(condition: &Condition, level: &LimitsLevel) -> Vec<SuggestedAction> {
    let unavailable = condition.parts.iter().filter_map(|(part, result)| Some((part, result.as_ref().err()?)));
    let unavailable = unavailable.map(|(part, why)| SuggestedAction {
        status: "unavailable".to_owned(),
        resource: Some((*part).to_owned()),
        message: why.recommendation.clone().unwrap_or_else(|| why.message.clone()),
        endpoint: Some("/health".to_owned()),
        ..SuggestedAction::default()
    });
    let problems = condition.problems.iter().map(|problem| SuggestedAction {
        status: "review".to_owned(),
        resource: Some("data".to_owned()),
        message: match &problem.recommendation {
            Some(recommendation) => format!("{}: {recommendation}", problem.message),
            None => problem.message.clone(),
        },
        endpoint: Some("/health".to_owned()),
        ..SuggestedAction::default()
    });
    let mut checks: Vec<_> = condition.checks.iter().collect();
    checks.sort_by_key(|(check, _)| !is_exhausted(check));
    let checks = checks.into_iter().map(|(check, way_out)| SuggestedAction {
        status: if is_exhausted(check) { "limit_reached" } else { "review" }.to_owned(),
        scope: Some(check.scope.clone()),
        resource: Some(check.resource.clone()),
        message: format!("{}: {way_out}", check.message),
        endpoint: Some(check.usage_endpoint.clone()),
    });
    let weak = !(level.cpu && level.memory && level.processes.is_some());
    let limits = weak.then(|| SuggestedAction {
        status: "review".to_owned(),
        resource: Some("limits".to_owned()),
        message: format!("sandboxes' limits are {level}: {CGROUPS}"),
        endpoint: Some("/api/v1/sandboxes/{sandboxID}".to_owned()),
        ..SuggestedAction::default()
    });
    unavailable.chain(problems).chain(checks).chain(limits).collect()
}

/// GET /observability/summary
#[utoipa::path(
    get,
    path = "/observability/summary",
    tag = "Observability",
    operation_id = "getObservabilitySummary",
    summary = "Read how the engine does",
    responses((status = 200, description = "What answers, which limits are near, and what to do", body = ObservabilitySummary))
)]
pub(super) async fn summary(State(app): State<App>) -> Json<ObservabilitySummary> {
    let condition = app.service.condition().await;
    let templates = app.service.templates().names().await.len();
    let held = app.service.usage().into_iter().find(|(metric, _)| *metric == Metric::Held);
    let endpoints = [
        ("sandboxUsage", "/api/v1/usage/limits"),
        ("templateUsage", "/api/v1/usage/limits"),
        ("sandboxDetail", "/api/v1/sandboxes/{sandboxID}"),
        ("sandboxMetrics", "/api/v1/sandboxes/{sandboxID}/metrics"),
        ("sandboxLogs", "/api/v1/sandboxes/{sandboxID}/logs"),
    ];
    Json(ObservabilitySummary {
        status: if condition.is_ok() { "ok" } else { "degraded" }.to_owned(),
        project_id: Some("local".to_owned()),
        user_id: Some("local".to_owned()),
        usage: Some(BTreeMap::from([
            ("sandboxes".to_owned(), json!(held.map(|(_, usage)| usage.used as u64))),
            ("templates".to_owned(), json!(templates)),
        ])),
        availability: Some(
            condition.parts.iter().map(|(part, result)| ((*part).to_owned(), availability(result))).collect(),
        ),
        actions: actions(&condition, app.service.limits_level()),
        checks: condition.checks.into_iter().map(|(check, _)| check).collect(),
        endpoints: Some(endpoints.map(|(name, path)| (name.to_owned(), path.to_owned())).into()),
    })
}

/// GET /usage/limits
#[utoipa::path(
    get,
    path = "/usage/limits",
    tag = "Observability",
    operation_id = "getUsageLimits",
    summary = "Read how the limits stand",
    responses((status = 200, description = "How each limit stands", body = SandboxUsageLimits))
)]
pub(super) async fn limits(State(app): State<App>) -> Json<SandboxUsageLimits> {
    let limits = app.service.usage();
    let usage = limits.iter().map(|(metric, usage)| (metric.name().to_owned(), usage.used)).collect();
    let limits = limits.into_iter().map(|(metric, usage)| (metric.name().to_owned(), usage)).collect();
    Json(SandboxUsageLimits {
        resource: "sandboxes".to_owned(),
        unlimited: Some(false),
        user: Some(UsageScope { id: Some("local".to_owned()), usage: Some(usage), limits: Some(limits) }),
        project: None,
        runtime: Some(RuntimeLimits { max_runtime_seconds: MAX_TIMEOUT_SECS.into() }),
    })
}
