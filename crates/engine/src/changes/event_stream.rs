//! Server-sent events, as `text/event-stream` writes them.

use bytes::Bytes;

/// What a silent stream says now and then, so that nobody between takes it for dead.
pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b": keepalive\n\n");

/// The first: what comes follows on this sequence.
pub(crate) fn hello(sequence: u64) -> Bytes {
    format!("event: hello\nid: {sequence}\ndata: {{\"sequence\": {sequence}}}\n\n").into()
}

/// A sandbox has changed; `listed` is JSON of one line.
pub(crate) fn sandbox(sequence: u64, listed: &[u8]) -> Bytes {
    let head = format!("event: sandbox\nid: {sequence}\ndata: ");
    [head.as_bytes(), listed, b"\n\n"].concat().into()
}

/// Changes were missed; what comes follows on this sequence.
pub(crate) fn reset(sequence: u64) -> Bytes {
    format!("event: reset\nid: {sequence}\ndata: {{}}\n\n").into()
}
