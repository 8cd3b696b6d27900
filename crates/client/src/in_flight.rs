use std::sync::Arc;

use tokio::sync::watch;

/// Counts what is under way, for who waits for its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<watch::Sender<usize>>);

impl InFlight {
    /// Counts one more, until what is given back is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.0.send_modify(|count| *count += 1);
        Entered(Arc::clone(&self.0))
    }

    /// Waits until there is nothing.
    pub(crate) async fn settled(&self) {
        // The sender is held here.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// One that is counted.
#[derive(Debug)]
pub(crate) struct Entered(Arc<watch::Sender<usize>>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
