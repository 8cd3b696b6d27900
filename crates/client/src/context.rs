use crate::headers::Headers;
use crate::journal::Journal;

/// What the requests of a client carry beside their route. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) headers: Headers,
    pub(crate) journal: Journal,
}

impl Context {
    /// The same for requests that are made for several calls.
    pub(crate) fn outside_traces(&self) -> Self {
        Self { headers: self.headers.outside_traces(), journal: self.journal.clone() }
    }

    /// Whether requests may be made for both at once.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.journal.is_same(&other.journal) && self.headers == other.headers
    }
}
