use crate::headers::Headers;
use crate::journal::Journal;

/// What the requests of a client carry beside their route. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) headers: Headers,
    pub(crate) journal: Journal,
}
