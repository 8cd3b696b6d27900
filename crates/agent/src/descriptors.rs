use std::fs;
use std::io;
use std::os::fd::RawFd;

/// Standard input, output and error, and the listening socket.
const OURS: RawFd = 3;

/// Closes whatever else was open in the engine's parent and slipped through: it is no business of a sandbox. To be
/// called before anything is opened.
pub(crate) fn close_strangers() -> io::Result<()> {
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > OURS)
        .collect();
    for descriptor in open {
        // One of them read the folder, and is closed already.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}
