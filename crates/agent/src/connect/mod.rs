//! The Connect protocol over JSON: unary calls, and streams of frames.
//!
//! A frame is one byte of flags, four bytes of length (big-endian) and a JSON text. Clients of the public service send the
//! one request of a server stream as a bare JSON text, others in a frame: both are taken.

mod deadline;
mod frames;
mod request;
mod response;

pub(crate) use deadline::{TimeLimit, keep_time_limit};
pub(crate) use frames::{Decoder, Frame};
pub(crate) use request::{StreamRequest, Unary};
pub(crate) use response::stream;
