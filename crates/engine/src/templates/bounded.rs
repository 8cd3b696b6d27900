use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// The most that may be read of a tar's entry before what it holds; its long name is among it.
pub(super) const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// Reads up to an allowance: the crate keeps names in memory, however long they are.
pub(super) struct Bounded<R> {
    reader: R,
    allowance: Rc<Cell<u64>>,
}

impl<R> Bounded<R> {
    /// Reads at most what the allowance says, which its owner may raise.
    pub(super) fn new(reader: R, allowance: Rc<Cell<u64>>) -> Self {
        Self { reader, allowance }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.allowance.get();
        let room = usize::try_from(allowed).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("a header has more than {MAX_HEADER_BYTES} bytes")));
        }
        let count = self.reader.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.allowance.set(allowed.saturating_sub(count as u64));
        Ok(count)
    }
}
