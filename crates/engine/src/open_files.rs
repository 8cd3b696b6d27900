use nix::sys::resource::{Resource, getrlimit};

/// What a machine with plenty of descriptors gives clients.
const MAX: u64 = 10_000;
const MIN: u64 = 16;

/// How many connections clients may have where the operator does not say it: a quarter of the descriptors. As many may go
/// on to agents, and the rest is for the store, the keeper and sandboxes.
pub(crate) fn default_max_connections() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from((limit / 4).clamp(MIN, MAX)).unwrap_or(usize::MAX)
}
