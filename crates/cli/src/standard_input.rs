//! Standard input, read beside everything else.

use std::io::{self, Read};

use tokio::sync::mpsc;

const PIECE: usize = 64 * 1024;
/// How many pieces wait for somebody to take them.
const WAITING: usize = 4;

/// What comes, piece by piece, until the end of the file.
///
/// A thread of its own reads: one that waits for a person does not hold up the end of the program.
pub(crate) fn read() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (pieces, taken) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut input = io::stdin();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map(|length| piece.iter().copied().take(length).collect()),
            };
            let has_failed = read.is_err();
            if pieces.blocking_send(read).is_err() || has_failed {
                return;
            }
        }
    });
    taken
}
