//! `/file`: the bytes of a file, in and out.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::body::{describes_file, parse, whole};
use super::new_file::NewFile;
use super::receive::receive;
use super::replacement::Replacement;
use super::source::open_source;
use crate::blocking::blocking;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::query::Query;
use crate::server::Agent;

#[derive(Deserialize)]
pub(super) struct PathQuery {
    pub(super) path: Option<String>,
    /// Permission bits of a file that comes as bytes; in decimal, as everywhere.
    pub(super) mode: Option<u32>,
}

impl PathQuery {
    /// The path, which must be there.
    pub(super) fn needed(&self) -> Result<&str, Problem> {
        self.path.as_deref().ok_or_else(|| Problem::invalid("`path` is missing in the query: add ?path=…"))
    }
}

/// GET /file
pub(super) async fn read(State(agent): State<Agent>, Query(query): Query<PathQuery>) -> Result<Response, Problem> {
    let path = resolve(query.needed()?, &agent.environment)?;
    let source = open_source(path).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, source.size().to_string()),
    ];
    Ok((headers, source.into_body()).into_response())
}

/// POST /file
pub(super) async fn write(
    State(agent): State<Agent>,
    Query(query): Query<PathQuery>,
    request: Request,
) -> Result<StatusCode, Problem> {
    if describes_file(&request, query.path.as_deref()) {
        let body = whole(request.into_body()).await?;
        blocking(move || parse::<NewFile>(&body)?.write(&agent.environment)).await?;
    } else {
        let path = resolve(query.needed()?, &agent.environment)?;
        receive(request.into_body().into_data_stream(), path, query.mode, Replacement::commit).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
