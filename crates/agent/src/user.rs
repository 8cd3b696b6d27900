//! Who a request says it acts as. There is one user in a sandbox, so that any other name is a mistake.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::problem::Problem;
use crate::query::Query;

const ROOT: &str = "root";

#[derive(Deserialize)]
struct UserQuery {
    username: Option<String>,
}

/// A layer that refuses requests in another name than root's, in the query's `username` or by Basic authorization.
pub(crate) async fn only_root(request: Request, next: Next) -> Result<Response, Problem> {
    let query: UserQuery = Query::of(request.uri())?.0;
    for name in [query.username, basic_name(request.headers())].into_iter().flatten() {
        check(&name)?;
    }
    Ok(next.run(request).await)
}

/// Refuses any name but root's; an empty one is none.
fn check(name: &str) -> Result<(), Problem> {
    if name.is_empty() || name == ROOT {
        return Ok(());
    }
    Err(no_such_user(name))
}

pub(crate) fn no_such_user(name: &str) -> Problem {
    Problem::invalid(format!("there is no user {name:?} in this sandbox: leave it out, or use {ROOT}"))
}

/// The name in `Authorization: Basic`; other kinds of authorization say nothing of users.
fn basic_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, encoded) = value.split_once(' ')?;
    if !kind.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().expect("a header"));
        headers
    }

    #[test]
    fn the_name_is_what_stands_before_the_colon() {
        assert_eq!(basic_name(&headers("Basic cm9vdDo=")).as_deref(), Some("root"));
        assert_eq!(basic_name(&headers("basic Ym9iOng6eQ==")).as_deref(), Some("bob"));
    }

    #[test]
    fn what_is_not_basic_names_nobody() {
        for value in ["Bearer cm9vdDo=", "Basic", "Basic !!", "Basic cm9vdA=="] {
            assert_eq!(basic_name(&headers(value)), None, "{value}");
        }
    }

    #[test]
    fn only_root_and_no_name_pass() {
        assert_eq!(check("root"), Ok(()));
        assert_eq!(check(""), Ok(()));
        assert!(check("bob").is_err_and(|problem| problem.message().contains("no user \"bob\"")));
    }
}
