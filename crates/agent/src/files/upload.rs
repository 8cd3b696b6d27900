//! `POST /files`: files as bytes, in JSON, or as a form.

use axum::Json;
use axum::extract::{FromRequest, Multipart, Request, State};

use super::body::{describes_file, has_type, parse, whole};
use super::multipart;
use super::new_file::{NewFile, Written};
use super::raw::PathQuery;
use super::receive::receive;
use super::replacement::Replacement;
use crate::blocking::blocking;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::query::Query;
use crate::server::Agent;

/// POST /files
pub(super) async fn upload(
    State(agent): State<Agent>,
    Query(query): Query<PathQuery>,
    request: Request,
) -> Result<Json<Vec<Written>>, Problem> {
    let environment = agent.environment;
    if has_type(request.headers(), "multipart/form-data") {
        let at = query.path.as_deref().map(|path| resolve(path, &environment)).transpose()?;
        let form = Multipart::from_request(request, &()).await;
        let form =
            form.map_err(|refused| Problem::invalid(format!("the form can't be read: {}", refused.body_text())))?;
        return multipart::write(form, at, &environment).await.map(Json);
    }
    let path = if describes_file(&request, query.path.as_deref()) {
        let body = whole(request.into_body()).await?;
        blocking(move || Ok(parse::<NewFile>(&body)?.write(&environment)?.0)).await?
    } else {
        let path = resolve(query.needed()?, &environment)?;
        receive(request.into_body().into_data_stream(), path.clone(), query.mode, Replacement::commit).await?;
        path
    };
    Ok(Json(vec![Written::at(&path)]))
}
