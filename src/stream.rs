use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, empty, try_unfold};
use napi_derive::napi;
use sandbar_client::{Args, Client, ErrorRecord};
use sandbar_protocol::ValidationError;
use tokio::sync::{Mutex, watch};

use crate::call::{Callee, Traced, record};
use crate::native_client::NativeClient;
use crate::outcomes::{Given, Mailbox, Outcome};
use crate::runtime::spawn;

/// Pieces of JSON text, each made when it is asked for: nothing goes on in between.
pub(crate) type Pieces = BoxStream<'static, Outcome<Given>>;

/// What comes piece by piece, until its end or `stop()`.
#[napi]
pub struct NativeStream {
    mailbox: Mailbox,
    pieces: Arc<Mutex<Pieces>>,
    stopped: watch::Sender<bool>,
}

#[napi]
impl NativeClient {
    /// Follows a sandbox's log: pieces are the raw SandboxLogs.
    #[napi]
    pub fn follow_logs(&self, args: String) -> NativeStream {
        self.stream(&args, Args::follow_logs, |client, (id, query, call)| {
            let follower = client.follow_logs(&id, query, call);
            try_unfold(follower, |mut follower| async move {
                let window = follower.next().await.map_err(record)?;
                Ok(window.map(|window| (window.text.into(), follower)))
            })
            .boxed()
        })
    }

    /// Watches a sandbox's timeline: pieces are `{"sandbox": raw SandboxDetail, "events": [raw, …]}`.
    #[napi]
    pub fn watch(&self, args: String) -> NativeStream {
        self.stream(&args, Args::sandbox, |client, (id, call)| {
            let watch = client.watch(&id, call);
            try_unfold(watch, |mut watch| async move {
                let piece = watch.next().await.map_err(record)?;
                Ok(piece.map(|piece| (piece.into(), watch)))
            })
            .boxed()
        })
    }

    /// A stream of what `begin` makes; wrong arguments, or a wrong configuration, are its first and only piece.
    pub(crate) fn stream<A>(
        &self,
        args: &str,
        read: fn(&Args) -> Result<A, ValidationError>,
        begin: impl FnOnce(Client, A) -> Pieces,
    ) -> NativeStream {
        NativeStream::of(self.mailbox(), self.client(), args, read, begin)
    }
}

impl NativeStream {
    /// A stream of what `begin` makes with what it is called on; what is wrong before is its first and only piece.
    pub(crate) fn of<C: Traced, A>(
        mailbox: &Mailbox,
        callee: Callee<C>,
        args: &str,
        read: fn(&Args) -> Result<A, ValidationError>,
        begin: impl FnOnce(C, A) -> Pieces,
    ) -> Self {
        let parsed = Args::parse(args).and_then(|args| Ok((read(&args)?, args.trace())));
        let prepared = parsed.map_err(|error| record(error.into()));
        match prepared.and_then(|(arguments, trace)| Ok((callee?, arguments, trace))) {
            Ok((callee, arguments, trace)) => {
                let callee = trace.iter().fold(callee, |callee, trace| callee.within(trace));
                Self::new(mailbox, begin(callee, arguments))
            }
            Err(refused) => Self::refused(mailbox, refused),
        }
    }

    pub(crate) fn new(mailbox: &Mailbox, pieces: Pieces) -> Self {
        Self { mailbox: mailbox.clone(), pieces: Arc::new(Mutex::new(pieces)), stopped: watch::Sender::new(false) }
    }

    /// A stream whose first and only piece is an error.
    pub(crate) fn refused(mailbox: &Mailbox, refused: Box<ErrorRecord>) -> Self {
        Self::new(mailbox, futures_util::stream::iter([Err(refused)]).boxed())
    }
}

#[napi]
impl NativeStream {
    /// Puts the next piece at `place`, as JSON text; `null` at the end, and once it is stopped.
    #[napi]
    pub fn next(&self, place: u32) {
        let pieces = Arc::clone(&self.pieces);
        let mut stopped = self.stopped.subscribe();
        self.mailbox.settle(place, async move {
            let next = async { pieces.lock().await.next().await };
            let piece = tokio::select! {
                biased;
                // An error says that the stream is gone: stopped as well.
                _ = stopped.wait_for(|stopped| *stopped) => None,
                piece = next => piece,
            };
            if piece.is_none() {
                // What was in flight for it is dropped here, where it can clean up after itself.
                *pieces.lock().await = empty().boxed();
            }
            piece.unwrap_or_else(|| Ok("null".to_owned().into()))
        });
    }

    /// Stops it at once, and what is in flight for it.
    #[napi]
    pub fn stop(&self) {
        self.stopped.send_replace(true);
        // A call of next() that is under way does it itself.
        if let Ok(mut pieces) = self.pieces.try_lock() {
            let left = std::mem::replace(&mut *pieces, empty().boxed());
            // On the runtime, where it can clean up after itself.
            drop(spawn(async move { drop(left) }));
        }
    }
}

impl Drop for NativeStream {
    /// Nobody can ask for more: the environment has ended, or nobody holds it any more.
    fn drop(&mut self) {
        self.stop();
    }
}
