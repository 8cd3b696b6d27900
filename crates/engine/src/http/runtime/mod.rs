//! `envdUrl`: passes requests on to a sandbox's agent, streaming both ways, for those who may ask it.

mod access;
mod client;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod headers;
mod parameters;
pub(super) mod preview;
mod refusal;
mod signature;
mod tunnel;
mod untrusted;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, Version};
use axum::response::Response;
use hyper::upgrade;
use sandbar_protocol::InternalState;

use super::App;
use super::origin::Origin;
use super::sandboxes::SandboxId;
use crate::error::EngineError;
use crate::lifecycle::SandboxRecord;
pub(super) use client::AgentClient;
use client::AgentError;
use preview::Preview;
use refusal::Refusal;

/// The sandbox's own ports: what a program there says is its own affair.
const PORTS: &str = "/proxy/";
/// How long an agent may think about what everyone may ask it. What needs a token may take as long as the sandbox lives:
/// a command answers when it has ended.
const OPEN_WAIT: Duration = Duration::from_secs(15);

/// ANY {envdUrl}/…
pub(super) async fn forward(
    State(app): State<App>,
    SandboxId(id): SandboxId,
    origin: Origin,
    mut request: Request,
) -> Result<Response, Refusal> {
    let record = find(&app, &id).await?;
    let path = runtime_path(request.uri().path()).to_owned();
    let preview = request.extensions_mut().remove::<Preview>();
    let open = preview.is_none() && is_open(request.method(), &path);
    if let Some(preview) = &preview {
        if let Some(answer) = preview.admit(&mut request, &record)? {
            return Ok(answer);
        }
    } else if !open {
        access::admit(&mut request, &path, &record, app.service.now())?;
    }
    if record.state != InternalState::Active {
        return Err(Refusal::not_active(&record));
    }
    headers::remove_key(request.headers_mut(), &app.api_key);
    if path.starts_with(PORTS) {
        let sandbox_id = preview.is_none().then_some(id.as_str());
        headers::set_forwarded(request.headers_mut(), &path, &origin, sandbox_id);
    }
    let limit = if open { OPEN_WAIT } else { Duration::MAX };
    let asked = tokio::time::timeout(limit, ask(&app, &record, &path, request)).await;
    let asked = asked.unwrap_or_else(|_| Err(AgentError::NoAnswer(format!("it said nothing for {limit:?}"))));
    let mut response = asked.map_err(|error| match error {
        AgentError::TooManyConnections => Refusal::too_many_connections(),
        AgentError::NoAnswer(why) => {
            tracing::warn!(sandbox = id, "the agent did not answer: {why}");
            Refusal::no_answer()
        }
    })?;
    if preview.is_none() {
        untrusted::confine(response.headers_mut(), &path, open);
    }
    Ok(response)
}

async fn find(app: &App, id: &str) -> Result<SandboxRecord, Refusal> {
    app.service.detail(id).await.map_err(|error| match error {
        EngineError::NotFound(_) => Refusal::not_found(),
        _ => Refusal::store_failed(),
    })
}

/// The agent's path, neither decoded nor tidied up, of `/envd/{sandboxID}{path}`.
fn runtime_path(path: &str) -> &str {
    let of_sandbox = path.strip_prefix("/envd/").unwrap_or_default();
    of_sandbox.find('/').and_then(|start| of_sandbox.get(start..)).unwrap_or("/")
}

/// What needs no token.
fn is_open(method: &Method, path: &str) -> bool {
    matches!(path, "/" | "/health") && method == Method::GET
}

/// The agent's answer.
async fn ask(app: &App, record: &SandboxRecord, path: &str, mut request: Request) -> Result<Response, AgentError> {
    let client = upgrade::on(&mut request);
    let request = to_agent(request, record, path).map_err(AgentError::NoAnswer)?;
    let upgrades = headers::upgrade(request.headers()).is_some();
    let mut response = app.agents.request(request).await?;
    if !untrusted::is_agents(response.status(), path, upgrades) {
        return Err(AgentError::NoAnswer(format!("agents do not say {}", response.status())));
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        tokio::spawn(tunnel::run(client, upgrade::on(&mut response)));
    }
    headers::remove_hop(response.headers_mut(), upgrades);
    untrusted::clean(response.headers_mut(), path);
    Ok(response.map(Body::new))
}

fn to_agent(mut request: Request, record: &SandboxRecord, path: &str) -> Result<Request, String> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    // The generation keeps connections of an earlier runtime from being used again.
    let target = format!("http://{}.{}{path}{query}", record.id, record.generation).parse::<Uri>();
    *request.uri_mut() = target.map_err(|error| format!("its path can't be forwarded: {error}"))?;
    *request.version_mut() = Version::HTTP_11;
    headers::prepare(request.headers_mut(), path.starts_with(PORTS));
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::runtime_path;

    #[test]
    fn the_agents_path_is_what_stands_behind_the_sandbox() {
        assert_eq!(runtime_path("/envd/sb-1"), "/");
        assert_eq!(runtime_path("/envd/sb-1/"), "/");
        assert_eq!(runtime_path("/envd/sb-1/proxy/3000//a%2fb/.."), "/proxy/3000//a%2fb/..");
        assert_eq!(runtime_path("/envd/sb%2D1/run"), "/run", "however the sandbox is written");
    }
}
