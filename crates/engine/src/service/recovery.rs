//! Takes up what an earlier engine left, before the first request.

use std::collections::HashMap;

use sandbar_protocol::{Diagnostic, InternalState};

use super::Service;
use super::condition::some_of;
use super::names::new_token;
use crate::driver::{FoundRuntime, KnownSandbox, RuntimeExit};
use crate::error::EngineError;
use crate::lifecycle::{Event, SandboxRecord};
use crate::store::{Recovered, UnreadableRecord};

impl Service {
    /// Nobody sees a state of the earlier engine: this ends before the first request. What can't be taken up is reported
    /// in the engine's condition, and keeps nothing else back.
    pub(super) async fn recover(&self) -> Result<(), EngineError> {
        let Recovered { records, unreadable } = self.inner.store.recover().await?;
        let known: Vec<KnownSandbox> =
            records.iter().map(known).chain(unreadable.iter().map(|record| stopped(&record.id))).collect();
        let mut problems: Vec<Diagnostic> = records_unreadable(&unreadable).into_iter().collect();
        let found = self.inner.driver.recover(&known, self.inner.notices.clone()).await.unwrap_or_else(|diagnostic| {
            problems.push(recovery_incomplete(diagnostic));
            Vec::new()
        });
        let found: HashMap<&str, &FoundRuntime> =
            found.iter().map(|runtime| (runtime.sandbox_id.as_str(), runtime)).collect();
        let unfinished = [InternalState::Creating, InternalState::Active, InternalState::Destroying];
        futures_util::future::join_all(records.iter().map(async |record| {
            self.inner.admission.moved(None, record.state, None);
            self.inner.deadlines.set(&record.id, record.deadline());
            if unfinished.contains(&record.state) || record.is_unfinished() {
                let runtime = found.get(record.id.as_str());
                if let Some(FoundRuntime { generation, exit: Some(exit), .. }) = runtime {
                    // As if it ended now: the restart finds nothing left to do.
                    let RuntimeExit { status, cause } = exit.clone();
                    self.post(&record.id, Event::RuntimeExited { generation: *generation, status, cause }).await;
                }
                let alive = runtime.filter(|runtime| runtime.exit.is_none()).map(|runtime| runtime.generation);
                let event = Event::EngineRestarted { generation: record.generation, alive, token: new_token() };
                if record.state == InternalState::Destroying {
                    // For everybody it is deleted already: nobody waits for the removal of its files.
                    let (service, id) = (self.clone(), record.id.clone());
                    self.inner.tasks.spawn(async move { service.post(&id, event).await });
                } else {
                    self.post(&record.id, event).await;
                }
            }
        }))
        .await;
        problems.iter().for_each(|problem| tracing::error!("{}", problem.message));
        // It is set once, here.
        let _ = self.inner.recovery_problems.set(problems);
        Ok(())
    }
}

fn known(record: &SandboxRecord) -> KnownSandbox {
    let runs = matches!(record.state, InternalState::Creating | InternalState::Active);
    KnownSandbox {
        sandbox_id: record.id.clone(),
        runs: runs.then_some(record.generation),
        is_deleted: record.state == InternalState::Destroyed,
    }
}

/// Its runtime ends, as nobody would end it at its deadline; its files stay.
fn stopped(sandbox_id: &str) -> KnownSandbox {
    KnownSandbox { sandbox_id: sandbox_id.to_owned(), runs: None, is_deleted: false }
}

fn records_unreadable(unreadable: &[UnreadableRecord]) -> Option<Diagnostic> {
    let first = unreadable.first()?;
    let ids = some_of(unreadable.iter().map(|record| record.id.clone()));
    let message = format!(
        "records can't be read, their sandboxes are stopped and their files are kept: {ids} ({})",
        first.reason
    );
    Some(Diagnostic::new("records_unreadable", message).recommend(
        "start the version of sandbar that wrote them; they are in the table `quarantined_sandboxes` of `engine.db`, and each start tries them again",
    ))
}

fn recovery_incomplete(diagnostic: Diagnostic) -> Diagnostic {
    let message = format!("what ran before was not taken up, sandboxes start anew: {}", diagnostic.message);
    let recommendation = diagnostic.recommendation.unwrap_or_else(|| "read the engine's log".to_owned());
    Diagnostic::new("recovery_incomplete", message).recommend(recommendation)
}
