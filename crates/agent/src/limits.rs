use std::io;

use nix::libc::SIGXFSZ;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sandbar_protocol::ProcessLimits;
use tokio::signal::unix::{SignalKind, signal};

const MIN_CONNECTIONS: usize = 8;
const MAX_CONNECTIONS: usize = 4096;

/// Takes the limits on for good: everything that is started from here on inherits them.
pub(crate) fn apply(limits: &ProcessLimits) -> nix::Result<()> {
    let all = [
        (Resource::RLIMIT_FSIZE, limits.file_bytes),
        (Resource::RLIMIT_NOFILE, limits.open_files),
        (Resource::RLIMIT_DATA, limits.data_bytes),
        (Resource::RLIMIT_NPROC, limits.processes),
        // A crash must not fill the home with an image of its memory.
        (Resource::RLIMIT_CORE, Some(0)),
    ];
    for (resource, limit) in all {
        let Some(limit) = limit else { continue };
        let (_, most) = getrlimit(resource)?;
        let limit = limit.min(most);
        setrlimit(resource, limit, limit)?;
    }
    Ok(())
}

/// How many connections the agent takes: a quarter of its descriptors. As many may go on to programs, and the rest is for
/// files, processes and watchers.
pub(crate) fn max_connections() -> usize {
    let open_files = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from(open_files / 4).unwrap_or(MAX_CONNECTIONS).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

/// A file that grows beyond its limit is an error to the agent, and not its end.
pub(crate) fn survive_full_files() -> io::Result<()> {
    // A handler is enough: the signal then only interrupts the write. Programs that are started have the default again.
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}
