//! The sandbox lifecycle client: configuration, transport, routes, readiness and errors.
//!
//! A [`Client`] is made of a [`Config`], which is made of options and an [`Environment`]. Its methods are the routes of
//! the service. Every answer keeps the text that came, and every failure is a [`ClientError`] that says what to do next.

mod answer;
mod base_url;
mod call;
mod client;
mod config;
mod context;
mod creation;
mod environment;
mod error;
mod extra_ca;
mod headers;
mod in_flight;
mod insight;
mod journal;
mod message;
mod options;
mod pool;
mod proxy;
mod readiness;
mod record;
mod refusal;
mod request;
mod retry;
mod sandboxes;
mod sending;
mod tls;
mod trace_context;
mod transport;
mod unreachable;

pub use answer::{Answer, Page};
pub use base_url::BaseUrl;
pub use call::{Args, CallOptions, ConnectCall, OnFailure, Wait};
pub use client::Client;
pub use config::{Config, DEFAULT_CONNECT_TIMEOUT, DEFAULT_READY_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, Endpoint};
pub use environment::Environment;
pub use error::{ApiError, Call, ClientError, NotReady, TransportKind};
pub use headers::Headers;
pub use insight::MetricsBatchQuery;
pub use journal::{Event, EventFields, EventLevel, EventSink};
pub use options::{CLIENT_OPTION_NAMES, ClientOptions};
pub use record::ErrorRecord;
pub use retry::DEFAULT_MAX_RETRIES;
pub use trace_context::TraceContext;
