//! The routes of the contract over the lifecycle service.

mod auth;
mod body;
mod observability;
mod problem;
mod proxy;
mod query;
mod request_id;
mod sandboxes;
mod untrusted;
mod view;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use sandbar_protocol::Secret;

use crate::service::Service;
use problem::Problem;
use proxy::RuntimeProxy;

/// The control plane's bodies are small; the runtime's are streamed and not counted.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Where clients of other spellings expect the same API.
const PREFIXES: [&str; 3] = ["/api/v1", "/api/v1/sandbox", "/api/sandbox/v1"];

#[derive(Clone)]
struct App {
    service: Service,
    api_key: Arc<Secret>,
    /// `http://127.0.0.1:port`, for a request that names no host.
    origin: Arc<str>,
    proxy: RuntimeProxy,
}

/// The engine's whole HTTP surface.
pub fn router(service: Service, api_key: Secret, origin: &str) -> Router {
    let proxy = RuntimeProxy::new(service.driver());
    let app = App { service, api_key: Arc::new(api_key), origin: origin.into(), proxy };
    let api = Router::new()
        .route("/sandboxes", post(sandboxes::create).get(sandboxes::list))
        .route("/sandboxes/metrics", get(sandboxes::metrics_batch))
        .route("/sandboxes/{sandbox_id}", get(sandboxes::detail).delete(sandboxes::delete))
        .route("/sandboxes/{sandbox_id}/connect", post(sandboxes::connect))
        .route("/sandboxes/{sandbox_id}/pause", post(sandboxes::pause))
        .route("/sandboxes/{sandbox_id}/refreshes", post(sandboxes::refresh))
        .route("/sandboxes/{sandbox_id}/timeout", post(sandboxes::set_timeout))
        .route("/sandboxes/{sandbox_id}/logs", get(sandboxes::logs))
        .route("/sandboxes/{sandbox_id}/metrics", get(sandboxes::metrics))
        .route("/sandboxes/{sandbox_id}/heartbeat", post(sandboxes::heartbeat))
        .route("/observability/summary", get(observability::summary))
        .route("/usage/limits", get(observability::limits))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), auth::require_key));
    let mut router = Router::new()
        .route("/envd/{sandbox_id}", any(proxy::forward))
        .route("/envd/{sandbox_id}/", any(proxy::forward))
        .route("/envd/{sandbox_id}/{*path}", any(proxy::forward));
    for prefix in PREFIXES {
        router = router.nest(prefix, api.clone());
    }
    router
        .fallback(|| async { Problem::no_route() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .with_state(app)
        .layer(middleware::from_fn(request_id::name_requests))
}
