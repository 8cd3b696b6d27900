use std::time::Duration;

use crate::Message;

/// What befalls one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is taken in, and nothing answers it. Upstream never sees it.
    Hang,
    /// Its connection is closed in order, without an answer. Upstream never sees it.
    Close,
    /// Its connection is reset. Upstream never sees it.
    Reset,
    /// Upstream answers, and the connection is reset before a byte of that answer came back.
    ResetAfter,
    /// The connection is reset in the middle of the answer's head.
    ResetInHead,
    /// The connection is reset in the middle of the answer's body; an answer without one comes whole.
    ResetInBody,
    /// The connection is closed in order in the middle of the answer's body; an answer without one comes whole.
    Truncate,
    /// The answer comes whole, and then the connection is closed, though nothing announced that.
    CloseAfter,
    /// The answer comes a few bytes at a time, with a pause after each piece.
    Slow {
        /// How many bytes come at once.
        piece: usize,
        /// The pause after them.
        pause: Duration,
    },
    /// These bytes come in place of an answer, and then the connection is closed. Upstream never sees the request.
    Bytes(Vec<u8>),
    /// This answer comes in place of upstream's, which never sees the request.
    Answer(Message),
    /// An answer comes whose body never ends. Upstream never sees the request.
    Endless {
        /// Its status.
        status: u16,
    },
    /// Upstream's answer comes, as this makes it.
    Rewrite(fn(Message) -> Message),
    /// Upstream's answer comes with the body that this makes of its text; an answer without one stays as it is.
    RewriteBody(fn(&str) -> String),
}

impl Fault {
    /// Whether upstream sees the request, and does what it asks for.
    pub fn reaches_upstream(&self) -> bool {
        !matches!(
            self,
            Self::Hang | Self::Close | Self::Reset | Self::Bytes(_) | Self::Answer(_) | Self::Endless { .. }
        )
    }
}
