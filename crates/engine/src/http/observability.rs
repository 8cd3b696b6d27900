use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use sandbar_protocol::{
    Availability, Diagnostic, MAX_TIMEOUT_SECS, ObservabilitySummary, RuntimeLimits, SandboxUsageLimits,
    SuggestedAction, UsageScope,
};
use serde_json::json;

use super::App;
use super::problem::Problem;

fn availability(result: Result<(), &Diagnostic>) -> Availability {
    match result {
        Ok(()) => Availability { status: "available".to_owned(), message: None },
        Err(why) => Availability { status: "unavailable".to_owned(), message: Some(why.message.clone()) },
    }
}

/// GET /observability/summary
pub(super) async fn summary(State(app): State<App>) -> Result<Json<ObservabilitySummary>, Problem> {
    let sandboxes = app.service.count().await?;
    let templates = app.service.templates().names().await.len();
    let driver = app.service.check_driver().await;
    let action = |why: &Diagnostic| SuggestedAction {
        status: "unavailable".to_owned(),
        resource: Some("runtime".to_owned()),
        message: why.recommendation.clone().unwrap_or_else(|| why.message.clone()),
        ..SuggestedAction::default()
    };
    let endpoints = [
        ("sandboxUsage", "/api/v1/usage/limits"),
        ("templateUsage", "/api/v1/usage/limits"),
        ("sandboxDetail", "/api/v1/sandboxes/{sandboxID}"),
        ("sandboxMetrics", "/api/v1/sandboxes/{sandboxID}/metrics"),
        ("sandboxLogs", "/api/v1/sandboxes/{sandboxID}/logs"),
    ];
    Ok(Json(ObservabilitySummary {
        status: if driver.is_ok() { "ok" } else { "degraded" }.to_owned(),
        project_id: Some("local".to_owned()),
        user_id: Some("local".to_owned()),
        usage: Some(BTreeMap::from([
            ("sandboxes".to_owned(), json!(sandboxes)),
            ("templates".to_owned(), json!(templates)),
        ])),
        availability: Some(BTreeMap::from([
            ("store".to_owned(), availability(Ok(()))),
            ("runtime".to_owned(), availability(driver.as_ref().map(|&()| ()))),
        ])),
        checks: Vec::new(),
        actions: driver.err().iter().map(action).collect(),
        endpoints: Some(endpoints.map(|(name, path)| (name.to_owned(), path.to_owned())).into()),
    }))
}

/// GET /usage/limits
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
