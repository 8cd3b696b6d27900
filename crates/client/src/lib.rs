//! The sandbox lifecycle client: configuration, transport, routes, readiness and errors.
//!
//! A [`Client`] is made of a [`Config`], which is made of options and an [`Environment`]. Its methods are the routes of
//! the service. Every answer keeps the text that came, and every failure is a [`ClientError`] that says what to do next.

mod answer;
mod base_url;
mod call;
mod client;
mod config;
mod delete_all;
mod environment;
mod error;
mod follow;
mod insight;
mod keep_alive;
mod many;
mod message;
mod options;
mod outage;
mod pauses;
mod pool;
mod progress;
mod readiness;
mod record;
mod refusal;
mod request;
mod sandboxes;
mod timeline;
mod tls;
mod transport;
mod unreachable;
mod watch;

pub use answer::{Answer, Page};
pub use base_url::BaseUrl;
pub use call::{Args, CallOptions, ConnectCall, Wait};
pub use client::Client;
pub use config::{Config, DEFAULT_READY_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, Endpoint};
pub use delete_all::{DeleteAll, DeleteReport};
pub use environment::Environment;
pub use error::{ApiError, Call, ClientError, NotReady, TransportKind};
pub use follow::LogFollower;
pub use insight::MetricsBatchQuery;
pub use keep_alive::{DEFAULT_KEEP_ALIVE, KeepAliveCall};
pub use many::{CreateMany, CreateReport, Created, OnFailure};
pub use options::{CLIENT_OPTION_NAMES, ClientOptions};
pub use progress::{Onlooker, Progress};
pub use record::ErrorRecord;
pub use watch::Watch;
