//! `GET /health` of an engine: it needs no key.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

const LIMIT: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 64 * 1024;

/// What an engine says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    /// `ok` or `degraded`.
    pub(super) status: String,
    /// Why it is degraded.
    #[serde(default)]
    pub(super) reasons: Vec<String>,
    pub(super) version: String,
}

/// Asks what answers at an origin as `http://127.0.0.1:7410`; `None` if it is no engine.
pub(super) async fn of(origin: &str) -> Option<Health> {
    let uri: Uri = format!("{origin}/health").parse().ok()?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let asked = async {
        let answer = client.get(uri).await.ok()?;
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.ok()?.to_bytes();
        serde_json::from_slice(&body).ok()
    };
    tokio::time::timeout(LIMIT, asked).await.ok()?
}
