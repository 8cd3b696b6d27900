use std::collections::HashMap;
use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::messages::{Answer, Message};

/// The calls of one engine. Those on one sandbox go one after the other, for an engine that does not wait for an answer any
/// longer may send the next call.
pub(super) struct Calls {
    answers: mpsc::Sender<Message>,
    tasks: TaskTracker,
    /// The last call on each sandbox.
    last: HashMap<String, Last>,
}

struct Last {
    task: JoinHandle<()>,
    /// Ends it, if it is a start.
    give_up: Option<CancellationToken>,
}

impl Calls {
    pub(super) fn new(answers: mpsc::Sender<Message>) -> Self {
        Self { answers, tasks: TaskTracker::new(), last: HashMap::new() }
    }

    /// Carries out a call that is on no single sandbox.
    pub(super) fn spawn(&self, number: u64, work: impl Future<Output = Answer> + Send + 'static) {
        drop(self.tasks.spawn(answer(self.answers.clone(), number, work)));
    }

    /// Carries out a start, once the calls before it have ended. The next call on this sandbox ends it.
    pub(super) fn start(&mut self, id: String, number: u64, work: impl Future<Output = Answer> + Send + 'static) {
        let give_up = CancellationToken::new();
        let (earlier, given_up, answers) = (self.end_start(&id), give_up.clone(), self.answers.clone());
        let task = self.tasks.spawn(async move {
            ended(earlier).await;
            // What is left of a start ends as its future is dropped.
            given_up.run_until_cancelled(answer(answers, number, work)).await;
        });
        self.note(id, Last { task, give_up: Some(give_up) });
    }

    /// Carries out a call on a sandbox, once those before it have ended; a start is given up.
    pub(super) fn follow(&mut self, id: String, number: u64, work: impl Future<Output = Answer> + Send + 'static) {
        let (earlier, answers) = (self.end_start(&id), self.answers.clone());
        let task = self.tasks.spawn(async move {
            ended(earlier).await;
            answer(answers, number, work).await;
        });
        self.note(id, Last { task, give_up: None });
    }

    /// The engine is gone: its starts are given up, and nothing is left to do once the rest has ended.
    pub(super) async fn finish(self) {
        self.last.values().filter_map(|last| last.give_up.as_ref()).for_each(CancellationToken::cancel);
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn end_start(&mut self, id: &str) -> Option<JoinHandle<()>> {
        let Last { task, give_up } = self.last.remove(id)?;
        give_up.iter().for_each(CancellationToken::cancel);
        Some(task)
    }

    fn note(&mut self, id: String, last: Last) {
        // Those that have ended are swept when the map would have to grow.
        if self.last.len() == self.last.capacity() {
            self.last.retain(|_, last| !last.task.is_finished());
        }
        self.last.insert(id, last);
    }
}

async fn ended(earlier: Option<JoinHandle<()>>) {
    if let Some(earlier) = earlier {
        let _ = earlier.await;
    }
}

async fn answer(answers: mpsc::Sender<Message>, number: u64, work: impl Future<Output = Answer>) {
    let answer = work.await;
    // An engine that has gone asks again when it is back.
    let _ = answers.send(Message::Answer { number, answer }).await;
}
