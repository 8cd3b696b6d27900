//! `envdUrl`: forwards requests to a sandbox's agent, streaming both ways, for those who have its access token.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sandbar_protocol::{ACCESS_TOKEN_HEADER, API_KEY_HEADER, InternalState, RuntimeError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::sandboxes::SandboxId;
use super::{App, auth, untrusted, view};
use crate::driver::{Driver, RuntimeStream};
use crate::error::EngineError;
use crate::lifecycle::SandboxRecord;

/// What an agent's answer may have before its body.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
/// Connections to one agent that wait for the next request, and for how long.
const MAX_IDLE: usize = 8;
const IDLE: Duration = Duration::from_secs(30);
/// How long an agent may think about what everyone may ask it. What needs a token may take as long as the sandbox lives:
/// a command answers when it has ended.
const OPEN_WAIT: Duration = Duration::from_secs(15);

/// An HTTP client whose host names are sandbox IDs.
#[derive(Clone)]
pub(super) struct RuntimeProxy {
    client: Client<Connector, Body>,
}

impl RuntimeProxy {
    pub(super) fn new(driver: Arc<dyn Driver>) -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.http1_max_buf_size(MAX_HEADER_BYTES).http1_max_headers(MAX_HEADERS);
        // Without a timer, what is left of a sandbox's connections would stay after its end.
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(MAX_IDLE);
        Self { client: client.build(Connector { driver }) }
    }
}

/// ANY {envdUrl}/…
pub(super) async fn forward(State(app): State<App>, SandboxId(id): SandboxId, request: Request) -> Response {
    let record = match app.service.detail(&id).await {
        Ok(record) => record,
        Err(EngineError::NotFound(_)) => return refuse(StatusCode::NOT_FOUND, "not_found", "there is no such sandbox"),
        Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the engine's store failed"),
    };
    let uri = request.uri();
    let path = uri.path().strip_prefix(&view::envd_path(&id)).unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    let open = matches!(path, "/" | "/health") && request.method() == axum::http::Method::GET;
    if !open && !has_token(request.headers(), &record) {
        let message = "the access token is missing or wrong: send envdAccessToken of the sandbox's detail as \
                       X-Access-Token; a resume makes a new one";
        return refuse(StatusCode::UNAUTHORIZED, "unauthenticated", message);
    }
    if record.state != InternalState::Active {
        let message = format!("sandbox {id} is {}: connect() makes a paused one usable", record.state.public());
        return refuse(StatusCode::CONFLICT, "failed_precondition", &message);
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    // The generation keeps connections of an earlier runtime from being used again.
    let Ok(target) = format!("http://{id}.{}{path}{query}", record.generation).parse::<Uri>() else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_argument", "the path can't be forwarded");
    };
    let path = path.to_owned();
    let limit = if open { OPEN_WAIT } else { Duration::MAX };
    match tokio::time::timeout(limit, app.proxy.client.request(to_agent(request, target))).await {
        Ok(Ok(mut response)) if untrusted::is_agents(response.status(), &path) => {
            remove_hop_headers(response.headers_mut());
            untrusted::clean(response.headers_mut(), &path);
            response.map(Body::new)
        }
        Ok(Ok(response)) => no_answer(&id, &format!("agents do not say {}", response.status())),
        Ok(Err(error)) => no_answer(&id, &error.to_string()),
        Err(_) => no_answer(&id, &format!("it said nothing for {OPEN_WAIT:?}")),
    }
}

fn no_answer(sandbox_id: &str, why: &str) -> Response {
    tracing::warn!(sandbox = sandbox_id, "the agent did not answer: {why}");
    let message = "the sandbox's agent did not answer as agents do: the sandbox may be ending, read its detail";
    refuse(StatusCode::BAD_GATEWAY, "unavailable", message)
}

fn has_token(headers: &HeaderMap, record: &SandboxRecord) -> bool {
    let token = headers.get(ACCESS_TOKEN_HEADER).and_then(|token| token.to_str().ok()).unwrap_or_default();
    let known = record.token.expose();
    !known.is_empty() && auth::same(token, known)
}

fn to_agent(mut request: Request, target: Uri) -> Request {
    *request.uri_mut() = target;
    *request.version_mut() = axum::http::Version::HTTP_11;
    let headers = request.headers_mut();
    remove_hop_headers(headers);
    // Credentials end here: code in a sandbox can imitate its agent.
    for name in [ACCESS_TOKEN_HEADER, API_KEY_HEADER] {
        headers.remove(name);
    }
    headers.insert(header::HOST, axum::http::HeaderValue::from_static("sandbox"));
    request
}

fn remove_hop_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let fixed = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
    ];
    for name in named.into_iter().chain(fixed) {
        headers.remove(name);
    }
}

/// An error in the runtime API's own shape.
fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let error = RuntimeError { code: code.to_owned(), message: message.to_owned() };
    (status, axum::Json(error)).into_response()
}

#[derive(Clone)]
struct Connector {
    driver: Arc<dyn Driver>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<AgentStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let driver = self.driver.clone();
        Box::pin(async move {
            let id = target.host().and_then(|host| host.rsplit_once('.')).map(|(id, _)| id).unwrap_or_default();
            Ok(TokioIo::new(AgentStream(driver.connect(id).await?)))
        })
    }
}

/// An agent's stream as hyper's client wants it.
struct AgentStream(Box<dyn RuntimeStream>);

impl Connection for AgentStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for AgentStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
