use std::time::Duration;

use futures_util::FutureExt;

use crate::error::Call;
use crate::http::{HttpAnswer, HttpError};
use crate::transport::Opened;
use crate::unreachable::{causes_of, kind_of};
use crate::{ClientError, TransportKind};

/// What is there already is handed over in pieces of about this size.
const PIECE: usize = 256 * 1024;
/// The most that is made room for before it has come.
const MOST_EXPECTED: u64 = 256 * 1024 * 1024;

/// The bytes of an answer, as they are asked for: nothing is taken from the connection in between.
#[derive(Debug)]
pub struct BodyReader {
    pub(super) response: HttpAnswer,
    call: Call,
    /// How long the next bytes may take.
    patience: Duration,
    /// What must still come, where that is known.
    left: Option<u64>,
    /// What went wrong after bytes that were still to be handed over.
    failure: Option<HttpError>,
}

impl BodyReader {
    pub(super) fn of(opened: Opened, patience: Duration) -> Self {
        let Opened { response, call, .. } = opened;
        let left = response.length();
        Self { response, call, patience, left, failure: None }
    }

    /// The same, whose answer has a length and no bytes.
    pub(super) fn without_bytes(mut self) -> Self {
        self.left = Some(0);
        self
    }

    /// How many bytes are still to come, if the runtime has told.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next bytes; `None` at the end. A call that is dropped before it is done loses nothing.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if the connection is lost, [`ClientError::RequestTimeout`] if nothing comes.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        if let Some(error) = self.failure.take() {
            return Err(self.lost(error));
        }
        let chunk = async {
            loop {
                match self.response.chunk().await {
                    Ok(Some(bytes)) if bytes.is_empty() => (),
                    outcome => return outcome,
                }
            }
        };
        let first = match tokio::time::timeout(self.patience, chunk).await {
            Ok(chunk) => chunk.map_err(|error| self.lost(error))?,
            Err(_) => {
                let causes = vec!["no more bytes came".to_owned()];
                return Err(ClientError::RequestTimeout {
                    limit: self.patience,
                    causes,
                    call: Box::new(self.call.clone()),
                });
            }
        };
        let Some(first) = first else { return self.end() };
        let room = self.left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIECE).min(PIECE);
        let mut piece = Vec::with_capacity(room.max(first.len()));
        piece.extend_from_slice(&first);
        // What is there already comes along: every hand-over costs.
        while piece.len() < PIECE {
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(more))) => piece.extend_from_slice(&more),
                Some(Err(error)) => {
                    self.failure = Some(error);
                    break;
                }
                Some(Ok(None)) | None => break,
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        Ok(Some(piece))
    }

    pub(super) async fn read_all(mut self) -> Result<Vec<u8>, ClientError> {
        // What is told of the size is not trusted beyond a little.
        let expected = self.left.unwrap_or_default().min(MOST_EXPECTED);
        let mut all = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    fn end(&self) -> Result<Option<Vec<u8>>, ClientError> {
        match self.left {
            None | Some(0) => Ok(None),
            Some(left) => Err(self.invalid(format!("a body that ended {left} bytes early"))),
        }
    }

    fn lost(&self, error: HttpError) -> ClientError {
        let origin = self.response.origin();
        let kind = match kind_of(&*error, false) {
            TransportKind::Other => TransportKind::Reset,
            kind => kind,
        };
        ClientError::Transport { kind, origin, causes: causes_of(&*error), call: Box::new(self.call.clone()) }
    }

    pub(super) fn invalid(&self, problem: String) -> ClientError {
        ClientError::InvalidAnswer {
            status: self.response.status(),
            content_type: "application/octet-stream".to_owned(),
            excerpt: String::new(),
            problem,
            call: Box::new(self.call.clone()),
        }
    }
}
