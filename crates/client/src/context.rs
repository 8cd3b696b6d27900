use crate::ClientError;
use crate::answer::RawAnswer;
use crate::headers::Headers;
use crate::journal::Journal;
use crate::request::Request;
use crate::transport::Transport;

/// What the requests of a client carry beside their route. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    pub(crate) headers: Headers,
    pub(crate) journal: Journal,
}

/// A transport, for requests with one context.
pub(crate) struct Sender<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) context: &'a Context,
}

impl Sender<'_> {
    /// Sends a request and reads its answer, which is a success.
    pub(crate) async fn send(&self, mut request: Request) -> Result<RawAnswer, ClientError> {
        request.context = self.context.clone();
        self.transport.send(request).await
    }
}
