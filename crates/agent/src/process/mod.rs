//! `process.Process`: what runs in the sandbox, its input and its output.

mod calls;
mod end;
mod follow;
mod input;
mod output;
mod pump;
mod request;
mod running;
mod signal;
mod stream_input;
mod table;
mod tree;

pub(crate) use calls::routes;
pub(crate) use end::timed_out;
pub(crate) use pump::{Pumps, Sink};
pub(crate) use request::time_limit;
pub(crate) use running::outputs_of;
pub(crate) use table::Processes;
pub(crate) use tree::{Tree, start_apart};

#[cfg(feature = "fuzz")]
pub(crate) fn is_start_request(body: &[u8]) -> bool {
    serde_json::from_slice::<request::StartRequest>(body).is_ok()
}
