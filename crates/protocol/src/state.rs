use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a sandbox is, as the engine sees it. It never leaves the server: [`InternalState::public`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InternalState {
    /// Accepted, nothing started yet.
    New,
    /// An unclaimed runtime is starting.
    Warming,
    /// An unclaimed runtime is ready.
    Warm,
    /// The runtime is starting, or waits for a healthy heartbeat.
    Creating,
    /// The runtime is usable.
    Active,
    /// The runtime is stopped; files and metadata are kept.
    Stopped,
    /// The runtime and its files are being removed.
    Destroying,
    /// Nothing is left but the tombstone.
    Destroyed,
    /// The runtime did not become usable, or broke.
    Failed,
}

impl InternalState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::Warming,
        Self::Warm,
        Self::Creating,
        Self::Active,
        Self::Stopped,
        Self::Destroying,
        Self::Destroyed,
        Self::Failed,
    ];

    /// The collapse to what clients may see.
    pub fn public(self) -> PublicState {
        match self {
            Self::New | Self::Warming | Self::Warm | Self::Creating => PublicState::Starting,
            Self::Active => PublicState::Running,
            Self::Stopped => PublicState::Paused,
            Self::Destroying | Self::Destroyed => PublicState::Deleted,
            Self::Failed => PublicState::Failed,
        }
    }

    /// The word that the store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Warming => "warming",
            Self::Warm => "warm",
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Stopped => "stopped",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
            Self::Failed => "failed",
        }
    }

    /// The inverse of [`InternalState::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What clients see in `status` and `state`. A word that this version does not know passes through as [`PublicState::Other`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublicState {
    /// The runtime is being made, or waits for a healthy heartbeat.
    Starting,
    /// Runtime APIs are usable.
    Running,
    /// The runtime is stopped; metadata and files remain for connect.
    Paused,
    /// The sandbox has been removed.
    Deleted,
    /// The runtime did not become usable, or a lifecycle operation failed.
    Failed,
    /// The other spelling of failed.
    Error,
    /// A state of a later version of the service.
    Other(String),
}

impl PublicState {
    /// The words a client may filter a list by.
    pub const WORDS: [&'static str; 6] = ["starting", "running", "paused", "deleted", "failed", "error"];

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Other(word) => word,
        }
    }

    /// Whether the sandbox is broken, under either spelling.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

impl From<&str> for PublicState {
    fn from(word: &str) -> Self {
        match word {
            "starting" => Self::Starting,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "deleted" => Self::Deleted,
            "failed" => Self::Failed,
            "error" => Self::Error,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for PublicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for PublicState {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ObjectBuilder, Type};
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::WORDS));
        words.description(Some("Where a sandbox is; clients should expect words of later versions.")).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for PublicState {}

impl Serialize for PublicState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PublicState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_words_never_reach_clients() {
        for state in InternalState::ALL {
            let word = state.public().as_str().to_owned();
            assert!(PublicState::WORDS.contains(&word.as_str()), "{state:?} became {word}");
            assert_eq!(InternalState::parse(state.as_str()), Some(state));
        }
        let collapsed: Vec<_> = InternalState::ALL.iter().map(|state| state.public().to_string()).collect();
        assert_eq!(
            collapsed,
            ["starting", "starting", "starting", "starting", "running", "paused", "deleted", "deleted", "failed"]
        );
    }

    #[test]
    fn an_unknown_state_passes_through() {
        let state: PublicState = serde_json::from_str("\"hibernating\"").unwrap();
        assert_eq!(state, PublicState::Other("hibernating".into()));
        assert_eq!(serde_json::to_string(&state).unwrap(), "\"hibernating\"");
    }

    #[test]
    fn both_spellings_of_failed_are_failed() {
        assert!(PublicState::from("failed").is_failed());
        assert!(PublicState::from("error").is_failed());
        assert!(!PublicState::from("running").is_failed());
    }
}
