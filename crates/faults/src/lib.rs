//! A TCP proxy that breaks requests on purpose, for tests of what stands before it.
//!
//! A [`Proxy`] passes HTTP/1.1 requests on to one upstream address; its plan says for each of them which [`Fault`] befalls
//! it, if any. A [`Relay`] passes the bytes of any connections on, and can go silent without closing them.

mod fault;
mod message;
mod plan;
mod proxy;
mod relay;

pub use fault::Fault;
pub use message::Message;
pub use plan::{Plan, always, from_then_on, nothing, once, random};
pub use proxy::Proxy;
pub use relay::Relay;
