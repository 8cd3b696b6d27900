//! The sandbox lifecycle client: configuration, transport, routes, readiness and errors.
//!
//! A [`Client`] is made of a [`Config`], which is made of options and an [`Environment`]. Its methods are the routes of
//! the service. Every answer keeps the text that came, and every failure is a [`ClientError`] that says what to do next.

mod answer;
mod base_url;
#[doc(hidden)]
pub mod bench;
mod call;
mod cleanup;
mod client;
mod config;
mod connections;
mod context;
mod creation;
mod delete_all;
mod environment;
mod error;
mod extra_ca;
mod follow;
mod headers;
mod holds;
mod http;
mod ids;
mod in_flight;
mod insight;
mod journal;
mod keep_alive;
mod local_engine;
mod looker;
mod many;
mod message;
mod options;
mod outage;
mod pauses;
mod pool;
mod progress;
mod proxy;
mod readiness;
mod record;
mod redaction;
mod refusal;
mod request;
mod retry;
mod roll_call;
mod runtime;
mod sandboxes;
mod sending;
mod silence;
mod timeline;
mod tls;
mod to_the_end;
mod trace_context;
mod transport;
mod unreachable;
mod waiting;
mod watch;

pub use answer::{Answer, Page};
pub use base_url::BaseUrl;
pub use call::{Args, CallOptions, ConnectCall, OnFailure, Wait};
pub use cleanup::Unclaimed;
pub use client::Client;
pub use config::{Config, DEFAULT_CONNECT_TIMEOUT, DEFAULT_READY_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, Endpoint};
pub use delete_all::{DeleteAll, DeleteReport};
pub use environment::Environment;
pub use error::{ApiError, Awaited, Call, ClientError, FollowLoss, NotReady, NotRunning, PortClosed, TransportKind};
pub use follow::LogFollower;
pub use headers::Headers;
pub use insight::MetricsBatchQuery;
pub use journal::{Event, EventFields, EventLevel, EventSink};
pub use keep_alive::{DEFAULT_KEEP_ALIVE, KeepAliveCall};
pub use local_engine::LocalEngine;
pub use many::{CreateMany, CreateReport, Created};
pub use options::{CLIENT_OPTION_NAMES, ClientOptions};
pub use progress::{Onlooker, Progress};
pub use proxy::Proxies;
pub use record::ErrorRecord;
pub use retry::DEFAULT_MAX_RETRIES;
pub use runtime::{
    Attach, BodyReader, Code, CodeCall, CodeContext, CodeEvent, CommandFailure, CommandResult, ContextCall,
    CreateContextCall, DirEvent, DirEventKind, DirWatch, DownloadCall, EditCall, EntryInfo, EntryKind, FileWriter,
    GitCall, GitFile, GitStatus, InputCall, ListCall, NewFile, OUTPUT_KEPT, OutputPiece, OutputReader, OutputStream,
    PortInfo, PortWait, Process, ProcessConfig, ProcessInfo, ProgramAnswer, ProgramCall, Pty, PtySize, ReadCall,
    RenameCall, RunCall, Runtime, Selector, SkipReason, Skipped, StartCall, StartRequest, Started, TransferProgress,
    TransferReport, Upload, UploadCall, UrlAccess, UrlCall, WatchCall, WriteCall, WriteInfo,
};
pub use silence::Silence;
pub use trace_context::TraceContext;
pub use watch::Watch;
