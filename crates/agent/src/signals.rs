use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Programs that are started can be interrupted, and hung up on, even if the engine was started by something that had
/// turned these signals off: `nohup`, or a shell's `&`.
pub(crate) fn heed_interrupts() -> io::Result<()> {
    // A signal that is ignored stays so in all that is started; one that has a handler has the default again.
    for kind in [SignalKind::interrupt(), SignalKind::quit(), SignalKind::hangup()] {
        drop(signal(kind)?);
    }
    Ok(())
}
