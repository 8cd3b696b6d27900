//! The local sandbox engine: the service's API over real, isolated Linux sandboxes.
//!
//! Routes (`http`) call the lifecycle service, which applies the pure state machine (`lifecycle`) to stored records
//! (`store`) and carries out its effects through a `driver`.

mod admission;
mod changes;
mod clock;
mod data_dir;
mod deadlines;
mod disk;
mod engine;
mod error;
mod migrations;
mod open_files;
mod pidfd;
mod priority;
mod probe;
mod recent_starts;
mod reserve;
mod set_aside;
mod settings;
mod slots;
mod sqlite_file;
mod telemetry;

pub mod driver;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
pub mod http;
pub mod keeper;
pub mod lifecycle;
pub mod logs;
pub mod service;
pub mod store;
pub mod templates;
mod warm;

pub use admission::{AdmissionLimits, LimitReached, Metric};
pub use changes::{Change, ChangeFilter, Follower, Told};
pub use clock::{Clock, SystemClock};
pub use data_dir::{DataDir, DataDirError};
pub use disk::{Disk, DiskLimits, Room};
pub use engine::{Engine, EngineConfig, StartError};
pub use error::EngineError;
pub use settings::Settings;
