use std::future::poll_fn;
use std::pin::Pin;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Work that is done to its end also when its caller is told early, or is gone: what is left of it goes on in the
/// background. Until then it runs where its caller does, as a task of its own costs.
pub(crate) struct ToTheEnd {
    left: Option<BoxFuture<'static, ()>>,
    runtime: Handle,
}

impl ToTheEnd {
    /// Work on the current runtime.
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { left: Some(Box::pin(work)), runtime: Handle::current() }
    }

    /// Works until it has told something; `None` if it ends without.
    pub(crate) async fn until<T>(mut self, mut told: oneshot::Receiver<T>) -> Option<T> {
        poll_fn(|cx| {
            // What panics is not taken up again.
            if let Some(mut left) = self.left.take()
                && left.as_mut().poll(cx).is_pending()
            {
                self.left = Some(left);
            }
            Pin::new(&mut told).poll(cx)
        })
        .await
        .ok()
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            self.runtime.spawn(left);
        }
    }
}
