use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::connect::Unary;
use crate::environment::{Variables, check_variables};
use crate::problem::Problem;
use crate::server::Agent;

/// GET /envs: what a command that starts now gets. Whoever may ask may run `env` as well.
pub(super) async fn envs(State(agent): State<Agent>) -> Json<Variables> {
    Json(agent.environment.variables().as_ref().clone())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigureRequest {
    #[serde(default)]
    envs: Option<Variables>,
}

/// POST /configure
pub(super) async fn configure(
    State(agent): State<Agent>,
    Unary(request): Unary<ConfigureRequest>,
) -> Result<StatusCode, Problem> {
    if let Some(envs) = request.envs {
        check_variables("envs", &envs)?;
        agent.environment.set(envs);
    }
    Ok(StatusCode::NO_CONTENT)
}
