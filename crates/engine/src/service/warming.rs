//! Keeps the pool of warm runtimes filled.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use sandbar_protocol::Diagnostic;
use tokio::time::Instant;

use super::Service;
use super::names::new_id;

/// After starts that failed, how long until the next attempt: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// How often to look whether a template has changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long a shutdown waits for the end of all warm runtimes.
const END_LIMIT: Duration = Duration::from_secs(3);

/// A template whose runtimes do not start.
struct Failing {
    wait: Duration,
    until: Instant,
}

impl Service {
    /// Fills the pool, and refills it whenever something was claimed, until the engine ends.
    pub(super) fn keep_warm(&self) {
        if self.inner.warm.sizes().values().all(|size| *size == 0) {
            return;
        }
        // Each by itself: none waits for a template that is slow to start or to unpack.
        for (template_id, size) in self.inner.warm.sizes().clone() {
            let service = self.clone();
            let closing = self.inner.closing.clone();
            self.inner.tasks.spawn(closing.run_until_cancelled_owned(async move {
                let mut changes = service.inner.warm.changes();
                let mut failing = None;
                loop {
                    changes.mark_unchanged();
                    service.refill(&template_id, size, &mut failing).await;
                    let look = Instant::now() + LOOK_EVERY;
                    let next = failing.as_ref().map_or(look, |failing: &Failing| failing.until);
                    tokio::select! {
                        _ = changes.changed() => {}
                        () = tokio::time::sleep_until(next.min(look)) => {}
                    }
                }
            }));
        }
    }

    /// One after the other, and never in the way of real starts.
    async fn refill(&self, template_id: &str, size: usize, failing: &mut Option<Failing>) {
        self.end_stale(template_id).await;
        if failing.as_ref().is_some_and(|failing| Instant::now() < failing.until) {
            return;
        }
        while self.inner.warm.count(template_id) < size {
            self.inner.warm.calm().await;
            if let Err(diagnostic) = self.warm_one(template_id).await {
                let wait = failing.as_ref().map_or(FIRST_WAIT, |failing| (failing.wait * 2).min(LAST_WAIT));
                let message = diagnostic.message;
                tracing::warn!(template = template_id, "can't warm a runtime: {message}: next attempt in {wait:?}");
                *failing = Some(Failing { wait, until: Instant::now() + wait });
                return;
            }
            *failing = None;
        }
    }

    async fn warm_one(&self, template_id: &str) -> Result<(), Diagnostic> {
        let template = self.inner.templates.find(template_id).await.map_err(|error| error.diagnostic())?;
        let rootfs = self.inner.templates.ready_rootfs(&template).await?;
        let id = new_id();
        self.inner.warm.warming(&id, template_id, &template);
        let spec = template.runtime(id.clone(), 0, BTreeMap::new(), rootfs.folder);
        match self.inner.driver.warm(spec, self.inner.notices.clone()).await {
            Ok(()) => self.inner.warm.warm(&id),
            Err(diagnostic) => {
                self.inner.warm.remove(&id);
                self.end_warm(&id).await;
                return Err(diagnostic);
            }
        }
        tracing::debug!(sandbox = id, template = template_id, "a runtime is warm");
        Ok(())
    }

    /// Those of a template that was changed or removed are of no use any more.
    async fn end_stale(&self, template_id: &str) {
        let template = self.inner.templates.find(template_id).await.ok();
        for runtime in self.inner.warm.take_stale(template_id, template.as_ref()) {
            self.end_warm(&runtime.sandbox_id).await;
        }
    }

    /// Ends all that nobody has claimed, at a shutdown: what a slow driver leaves, the next engine removes.
    pub(super) async fn end_all_warm(&self) {
        let runtimes = self.inner.warm.take_all();
        let ended = join_all(runtimes.iter().map(|runtime| self.end_warm(&runtime.sandbox_id)));
        if tokio::time::timeout(END_LIMIT, ended).await.is_err() {
            tracing::warn!("warm runtimes did not end within {END_LIMIT:?}: their files stay until the next start");
        }
    }

    pub(super) async fn end_warm(&self, id: &str) {
        if let Err(diagnostic) = self.inner.driver.destroy(id).await {
            tracing::warn!(sandbox = id, "can't remove a warm runtime: {}", diagnostic.message);
        }
    }
}
