use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::Diagnostic;
use tokio::io::BufReader;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::messages::{self, Answer, Call, Message, Request, VERSION};
use crate::driver::{Driver, RuntimeNotice};

/// What runtimes say while no engine is there waits in here.
const NOTICE_QUEUE: usize = 1024;
const ANSWER_QUEUE: usize = 256;

/// Serves one engine after the other, until one asks for the end, none has come for as long as sandboxes may
/// `outlive` theirs, or `stop` resolves while there is none. Nothing runs afterwards.
pub(super) async fn keep(
    driver: Arc<dyn Driver>,
    listener: UnixListener,
    outlive: Duration,
    mut stop: impl AsyncFnMut(),
) -> io::Result<()> {
    let (notices, mut told) = mpsc::channel(NOTICE_QUEUE);
    let ended = loop {
        let engine = tokio::select! {
            engine = tokio::time::timeout(outlive, listener.accept()) => engine,
            () = stop() => break Ok(()),
        };
        match engine {
            Ok(Ok((stream, _))) => {
                if let Left::ForGood = Session::new(driver.clone(), notices.clone()).serve(stream, &mut told).await {
                    return Ok(());
                }
                tracing::warn!("the engine is gone: sandboxes run on for {outlive:?}, until the next one comes");
            }
            Ok(Err(error)) => break Err(error),
            Err(_) => {
                tracing::warn!("no engine came within {outlive:?}: all sandboxes end");
                break Ok(());
            }
        }
    };
    driver.shut_down().await;
    ended
}

/// Tells the engine that waits why there is nothing to serve.
pub(super) async fn refuse(listener: &UnixListener, why: Diagnostic) -> Result<(), Diagnostic> {
    let (stream, _) = listener.accept().await.map_err(|_| why.clone())?;
    let (reader, mut writer) = stream.into_split();
    if let Ok(Some(Request { number, .. })) = messages::read(&mut BufReader::new(reader)).await {
        let answer = Answer::Failed(why.clone());
        // It may be gone: the log has it, too.
        let _ = messages::write(&mut writer, &Message::Answer { number, answer }).await;
    }
    Err(why)
}

/// How an engine left.
enum Left {
    /// It asked for the end of everything.
    ForGood,
    /// It was killed, or lost.
    Without,
}

/// One engine's connection.
struct Session {
    driver: Arc<dyn Driver>,
    notices: mpsc::Sender<RuntimeNotice>,
    answers: mpsc::Sender<Message>,
    answered: mpsc::Receiver<Message>,
    /// The starts that were asked for, by sandbox: whoever stops one ends its start first.
    starts: HashMap<String, JoinHandle<()>>,
    calls: TaskTracker,
}

impl Session {
    fn new(driver: Arc<dyn Driver>, notices: mpsc::Sender<RuntimeNotice>) -> Self {
        let (answers, answered) = mpsc::channel(ANSWER_QUEUE);
        Self { driver, notices, answers, answered, starts: HashMap::new(), calls: TaskTracker::new() }
    }

    async fn serve(mut self, stream: UnixStream, told: &mut mpsc::Receiver<RuntimeNotice>) -> Left {
        let (reader, mut writer) = stream.into_split();
        let mut requests = read_requests(reader);
        loop {
            let message = tokio::select! {
                request = requests.recv() => match request {
                    Some(Request { number, call: Call::ShutDown }) => {
                        self.driver.shut_down().await;
                        let answer = Answer::Done;
                        // An engine that does not wait for it has gone, too.
                        let _ = messages::write(&mut writer, &Message::Answer { number, answer }).await;
                        return Left::ForGood;
                    }
                    Some(request) => {
                        self.take(request);
                        continue;
                    }
                    None => break,
                },
                Some(message) = self.answered.recv() => message,
                Some(notice) = told.recv() => Message::Notice(notice),
            };
            if messages::write(&mut writer, &message).await.is_err() {
                break;
            }
        }
        self.give_up_starts().await;
        Left::Without
    }

    fn take(&mut self, Request { number, call }: Request) {
        let driver = self.driver.clone();
        match call {
            Call::Hello => self.answer(number, async { Answer::Hello { version: VERSION } }),
            Call::Check => self.answer(number, async move { done(driver.check().await) }),
            Call::LimitsLevel => self.answer(number, async move { Answer::LimitsLevel(driver.limits_level().await) }),
            Call::Recover(known) => {
                let notices = self.notices.clone();
                let recover = async move { driver.recover(&known, notices).await };
                self.answer(number, async move { recover.await.map_or_else(Answer::Failed, Answer::Running) });
            }
            Call::Warm(spec) => self.answer(number, async move { done(driver.warm(spec).await) }),
            Call::Start(spec) => {
                let (id, notices) = (spec.sandbox_id.clone(), self.notices.clone());
                let earlier = self.starts.remove(&id);
                let start = self.spawn(number, async move {
                    end(earlier).await;
                    driver.start(spec, notices).await.map_or_else(Answer::Failed, Answer::Started)
                });
                self.starts.insert(id, start);
            }
            Call::GiveUp(id) => {
                if let Some(start) = self.starts.get(&id) {
                    start.abort();
                }
            }
            Call::Stop(id) => {
                let start = self.starts.remove(&id);
                self.answer(number, async move {
                    end(start).await;
                    done(driver.stop(&id).await)
                });
            }
            Call::Destroy(id) => {
                let start = self.starts.remove(&id);
                self.answer(number, async move {
                    end(start).await;
                    done(driver.destroy(&id).await)
                });
            }
            Call::Stats(id) => self.answer(number, async move { Answer::Stats(Box::new(driver.stats(&id).await)) }),
            // Taken before it comes here.
            Call::ShutDown => {}
        }
    }

    fn answer(&self, number: u64, work: impl Future<Output = Answer> + Send + 'static) {
        drop(self.spawn(number, work));
    }

    fn spawn(&self, number: u64, work: impl Future<Output = Answer> + Send + 'static) -> JoinHandle<()> {
        let answers = self.answers.clone();
        self.calls.spawn(async move {
            let answer = work.await;
            // An engine that has gone asks again when it is back.
            let _ = answers.send(Message::Answer { number, answer }).await;
        })
    }

    /// Nobody waits for them; what else was asked for is finished.
    async fn give_up_starts(self) {
        // No answer is read any more: none may wait for room.
        drop(self.answered);
        self.starts.values().for_each(JoinHandle::abort);
        self.calls.close();
        self.calls.wait().await;
    }
}

fn read_requests(reader: OwnedReadHalf) -> mpsc::Receiver<Request> {
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        loop {
            match messages::read(&mut reader).await {
                Ok(Some(request)) => {
                    if sender.send(request).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return tracing::error!("the engine's words can't be read: {error}"),
            }
        }
    });
    requests
}

fn done(result: Result<(), Diagnostic>) -> Answer {
    result.map_or_else(Answer::Failed, |()| Answer::Done)
}

async fn end(start: Option<JoinHandle<()>>) {
    if let Some(start) = start {
        start.abort();
        let _ = start.await;
    }
}
