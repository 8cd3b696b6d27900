//! `/proxy/{port}/…`: programs of the sandbox that listen on a port.
//!
//! Requests and answers are streamed, and belong to the program: nothing is read, kept or repeated.

mod answer;
mod connection;
mod headers;
mod port;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, Uri, Version};
use axum::response::Response;
use axum::routing::any;
use hyper::upgrade;

use crate::problem::Problem;
use crate::server::Agent;
use connection::Program;
use port::Port;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
        .route("/proxy/{port}", any(forward))
        .route("/proxy/{port}/", any(forward))
        .route("/proxy/{port}/{*path}", any(forward))
}

/// ANY /proxy/{port}/{path}
async fn forward(mut request: Request) -> Result<Response, Problem> {
    let (port, path) = port::target(request.uri().path())?;
    let client = upgrade::on(&mut request);
    let upgrades = headers::upgrade(request.headers());
    let request = to_program(request, port, &path)?;
    let (mut response, connection) = Program::connect(port).await?.send(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer::of(response, connection));
    }
    if upgrades.is_none() {
        return Err(port.unavailable("the program on it changed the protocol, which nobody asked for"));
    }
    tokio::spawn(answer::tunnel(client, upgrade::on(&mut response), connection));
    Ok(answer::switching(response))
}

/// The request as the program gets it.
fn to_program(mut request: Request, port: Port, path: &str) -> Result<Request, Problem> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{path}{query}").parse::<Uri>();
    *request.uri_mut() = target.map_err(|_| Problem::invalid(format!("the path {path} can't be forwarded")))?;
    *request.version_mut() = Version::HTTP_11;
    headers::prepare(request.headers_mut(), port);
    Ok(request)
}
