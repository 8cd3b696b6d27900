use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The query of a request, whose refusal is a [`Problem`] like any other.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> Query<T> {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let query = axum::extract::Query::try_from_uri(uri).map_err(|refused| {
            Problem::invalid(format!("the query is not what this route takes: {}", refused.body_text()))
        })?;
        Ok(Self(query.0))
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}
