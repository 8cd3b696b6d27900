use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Bytes;

use super::Runtime;
use crate::error::{Awaited, Call};
use crate::http::{HttpAnswer, HttpError};
use crate::transport::Opened;
use crate::unreachable::{causes_of, kind_of};
use crate::{CallOptions, ClientError, TransportKind};

/// What is there already is handed over in pieces of about this size.
const PIECE: usize = 256 * 1024;
/// The most that is made room for before it has come.
const MOST_EXPECTED: u64 = 256 * 1024 * 1024;

/// The bytes of an answer, as they are asked for: nothing is taken from the connection in between.
#[derive(Debug)]
pub struct BodyReader {
    pub(super) response: HttpAnswer,
    runtime: Runtime,
    request: Call,
    options: CallOptions,
    patience: Patience,
    /// What must still come, where that is known.
    left: Option<u64>,
    /// What went wrong after bytes that were still to be handed over.
    failure: Option<ClientError>,
}

/// How long the next bytes may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// This long.
    Limited(Duration),
    /// For as long as the runtime is there.
    WhileAlive,
}

impl BodyReader {
    /// All of it must be there by the deadline of the options, if they have one.
    pub(super) fn of(opened: Opened, runtime: &Runtime, patience: Patience, options: &CallOptions) -> Self {
        let Opened { response, call, .. } = opened;
        let left = response.length();
        let (runtime, options) = (runtime.clone(), options.clone());
        Self { response, runtime, request: call, options, patience, left, failure: None }
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
    /// [`ClientError::Transport`] if the connection is lost, [`ClientError::RequestTimeout`] if nothing comes,
    /// [`ClientError::NotRunning`] if the sandbox has ended.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        if self.failure.is_none() {
            match self.piece().await {
                Ok(piece) => return Ok(piece),
                Err(error) => self.failure = Some(error),
            }
        }
        let end = match &self.failure {
            Some(error) => Box::pin(self.runtime.end_behind(error, &self.options)).await,
            None => None,
        };
        let error = self.failure.take();
        end.or(error).map_or(Ok(None), Err)
    }

    async fn piece(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let Some(first) = self.first().await? else { return self.end() };
        let room = self.left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIECE).min(PIECE);
        let mut piece = Vec::with_capacity(room.max(first.len()));
        piece.extend_from_slice(&first);
        // What is there already comes along: every hand-over costs.
        while piece.len() < PIECE {
            match self.response.chunk().now_or_never() {
                Some(Ok(Some(more))) => piece.extend_from_slice(&more),
                Some(Err(error)) => {
                    self.failure = Some(self.lost(error));
                    break;
                }
                Some(Ok(None)) | None => break,
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        Ok(Some(piece))
    }

    /// The bytes that come next.
    async fn first(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Self { response, runtime, options, patience, .. } = self;
        let chunk = async {
            loop {
                match response.chunk().await {
                    Ok(Some(bytes)) if bytes.is_empty() => (),
                    outcome => return outcome,
                }
            }
        };
        let chunk = match *patience {
            Patience::WhileAlive => runtime.while_alive(chunk).await?,
            Patience::Limited(limit) => match tokio::time::timeout(options.left(limit), chunk).await {
                Ok(chunk) => chunk,
                Err(_) => {
                    response.retire();
                    let (awaited, call) = (Awaited::MoreBytes, Box::new(self.request.clone()));
                    return Err(ClientError::RequestTimeout { limit, awaited, causes: Vec::new(), call });
                }
            },
        };
        chunk.map_err(|error| self.lost(error))
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
        ClientError::Transport { kind, origin, causes: causes_of(&*error), call: Box::new(self.request.clone()) }
    }

    pub(super) fn invalid(&self, problem: String) -> ClientError {
        ClientError::InvalidAnswer {
            status: self.response.status(),
            content_type: "application/octet-stream".to_owned(),
            excerpt: String::new(),
            problem,
            call: Box::new(self.request.clone()),
        }
    }
}
