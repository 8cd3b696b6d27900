//! What the sandbox is and has: counters, variables and ports.

mod cpu;
mod disk;
mod memory;
mod metrics;
mod network;
mod ports;
mod variables;

use axum::Router;
use axum::routing::{get, post};

use crate::server::Agent;

pub(crate) use cpu::CpuMeter;
pub(crate) use disk::HomeMeter;

pub(crate) fn routes() -> Router<Agent> {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/envs", get(variables::envs))
        .route("/configure", post(variables::configure))
        .route("/ports", get(ports::ports))
}
