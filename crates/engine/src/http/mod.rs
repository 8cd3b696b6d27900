//! The routes of the contract over the lifecycle service.

mod auth;
mod body;
mod crowded;
mod dashboard;
mod events;
mod half_close;
mod health;
mod observability;
mod openapi;
mod origin;
mod prefer;
mod problem;
mod query;
mod request_id;
mod runtime;
mod sandboxes;
mod signals;
mod templates;
mod view;

#[cfg(feature = "fuzz")]
pub(crate) use runtime::fuzz;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use axum::{Router, middleware};
use sandbar_http_server::drain_unread_body;
use sandbar_protocol::Secret;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::Service;
pub use half_close::ends_with_client;
pub use origin::{PublicUrl, UrlConfig};
use problem::Problem;
use runtime::AgentClient;

/// The control plane's bodies are small; the runtime's are streamed and not counted.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Where clients of other spellings expect the same API.
const PREFIXES: [&str; 3] = ["/api/v1", "/api/v1/sandbox", "/api/sandbox/v1"];

#[derive(Clone)]
struct App {
    service: Service,
    api_key: Arc<Secret>,
    /// `127.0.0.1:port`, for a request that names no host.
    local_authority: Arc<str>,
    agents: AgentClient,
    /// `/openapi.json`.
    document: Bytes,
}

/// The routes of the API.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sandboxes::create, sandboxes::list))
        .routes(routes!(signals::metrics_batch))
        .routes(routes!(sandboxes::detail, sandboxes::delete))
        .routes(routes!(sandboxes::connect))
        .routes(routes!(sandboxes::pause))
        .routes(routes!(sandboxes::refresh))
        .routes(routes!(sandboxes::set_timeout))
        .routes(routes!(sandboxes::heartbeat))
        .routes(routes!(signals::logs))
        .routes(routes!(signals::metrics))
        .routes(routes!(templates::list))
        .routes(routes!(templates::resolve))
        .routes(routes!(observability::summary))
        .routes(routes!(observability::limits))
        .routes(routes!(events::events))
        .routes(routes!(health::metrics))
}

/// The routes that need no key.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi::openapi)).routes(routes!(health::health))
}

/// How the engine is to be reached.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The key that clients must send.
    pub api_key: Secret,
    /// `127.0.0.1:port`, for a request that names no host.
    pub local_authority: String,
    /// How clients reach the engine.
    pub urls: UrlConfig,
    /// Whether the dashboard is at `/`.
    pub dashboard: bool,
    /// The most connections to agents.
    pub max_connections: usize,
}

/// The engine's whole HTTP surface.
pub fn router(service: Service, config: HttpConfig) -> Router {
    let (api, api_document) = api().split_for_parts();
    let (open, document) = open().split_for_parts();
    let document = openapi::document(document, PREFIXES[0], api_document);
    let HttpConfig { api_key, local_authority, urls, dashboard, max_connections } = config;
    let agents = AgentClient::new(service.driver(), max_connections);
    let local_authority: Arc<str> = local_authority.into();
    let app = App { service, api_key: Arc::new(api_key), local_authority: local_authority.clone(), agents, document };
    let require_key = middleware::from_fn_with_state(app.clone(), auth::require_key);
    let api = api.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).layer(require_key);
    let mut router = open
        // Clients may leave the prefix out.
        .merge(api.clone())
        .route("/envd/{sandboxID}", any(runtime::forward))
        .route("/envd/{sandboxID}/", any(runtime::forward))
        .route("/envd/{sandboxID}/{*path}", any(runtime::forward));
    if dashboard {
        router = router.merge(dashboard::routes());
    }
    for prefix in PREFIXES {
        router = router.nest(prefix, api.clone());
    }
    let router = router
        .fallback(|| async { Problem::no_route() })
        .method_not_allowed_fallback(|| async { Problem::wrong_method() })
        .layer(middleware::from_fn(crowded::refuse_crowded))
        .layer(middleware::from_fn(drain_unread_body))
        .layer(middleware::from_fn_with_state(app.clone(), request_id::name_requests))
        .with_state(app);
    // Before any route is looked for: a sandbox's host name has none but the sandbox's.
    let resolve = move |request| origin::resolve(request, &urls, &local_authority);
    Router::new().fallback_service(router.map_request(resolve))
}
