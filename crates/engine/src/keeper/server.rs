use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sandbar_protocol::Diagnostic;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::backlog::Backlog;
use super::calls::Calls;
use super::messages::{self, Answer, Call, Message, Request, VERSION};
use crate::driver::{Driver, RuntimeNotice};

/// From runtimes to the backlog, which takes them at once.
const NOTICE_QUEUE: usize = 1024;
const ANSWER_QUEUE: usize = 256;
/// How long an engine that asked for the end may take to read the answer.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// After a connection that could not be accepted, as for want of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Holds a driver's runtimes for one engine after the other.
pub(super) struct Server {
    driver: Arc<dyn Driver>,
    listener: UnixListener,
    /// How long they go on without an engine, as the last one wished.
    outlive: Duration,
    notices: mpsc::Sender<RuntimeNotice>,
    noticed: mpsc::Receiver<RuntimeNotice>,
    backlog: Backlog,
    /// What an earlier engine asked for, until it is done.
    earlier: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(driver: Arc<dyn Driver>, listener: UnixListener, outlive: Duration) -> Self {
        let (notices, noticed) = mpsc::channel(NOTICE_QUEUE);
        Self { driver, listener, outlive, notices, noticed, backlog: Backlog::default(), earlier: None }
    }

    /// Serves until an engine asks for the end, none has come for as long as sandboxes may outlive theirs, or `stop`
    /// resolves while there is none. Nothing runs afterwards.
    pub(super) async fn run(mut self, mut stop: impl AsyncFnMut()) {
        while let Some(stream) = self.next_engine(&mut stop).await {
            if let Left::ForGood = self.serve(stream).await {
                return;
            }
            self.backlog.engine_lost();
            tracing::warn!("the engine is gone: sandboxes run on for {:?}, until the next one comes", self.outlive);
        }
        self.driver.shut_down().await;
    }

    async fn next_engine(&mut self, stop: &mut impl AsyncFnMut()) -> Option<UnixStream> {
        let end = tokio::time::sleep(self.outlive);
        let stopped = stop();
        tokio::pin!(end, stopped);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => return Some(stream),
                    Err(error) => {
                        tracing::error!("an engine could not connect: {error}");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                },
                Some(notice) = self.noticed.recv() => self.backlog.push(notice),
                () = &mut end => {
                    tracing::warn!("no engine came within {:?}: all sandboxes end", self.outlive);
                    return None;
                }
                () = &mut stopped => return None,
            }
        }
    }

    /// One engine's connection. Neither an engine that does not read nor a call that takes long keeps the rest waiting.
    async fn serve(&mut self, stream: UnixStream) -> Left {
        let (reader, mut writer) = stream.into_split();
        let mut requests = read_requests(reader);
        let (answers, mut answered) = mpsc::channel(ANSWER_QUEUE);
        let mut calls = Calls::new(answers);
        let mut listens = false;
        let mut out: VecDeque<u8> = VecDeque::new();
        loop {
            if out.is_empty()
                && listens
                && answered.is_empty()
                && let Some(notice) = self.backlog.next()
            {
                out = line(&Message::Notice(notice));
            }
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request { number, call: Call::ShutDown }) => {
                        self.driver.shut_down().await;
                        let done = Message::Answer { number, answer: Answer::Done };
                        // An engine that does not wait for it has gone, too.
                        let _ = tokio::time::timeout(LAST_ANSWER, write_last(writer, out, &done)).await;
                        return Left::ForGood;
                    }
                    Some(Request { call: Call::Outlive(outlive), .. }) => self.outlive = outlive,
                    Some(Request { call: Call::Listen, .. }) => listens = true,
                    Some(Request { call: Call::Taken(count), .. }) => self.backlog.taken(count),
                    Some(request) => self.take(request, &mut calls),
                    None => break,
                },
                Some(message) = answered.recv(), if out.is_empty() => out = line(&message),
                Some(notice) = self.noticed.recv() => self.backlog.push(notice),
                written = writer.write_buf(&mut out), if !out.is_empty() => if written.is_err() {
                    break;
                },
            }
        }
        // No answer is read any more: none may wait for room.
        drop(answered);
        let before = self.earlier.take();
        self.earlier = Some(tokio::spawn(async move {
            ended(before).await;
            calls.finish().await;
        }));
        Left::Without
    }

    fn take(&mut self, Request { number, call }: Request, calls: &mut Calls) {
        let (driver, notices) = (self.driver.clone(), self.notices.clone());
        match call {
            Call::Hello => calls.spawn(number, async { Answer::Hello { version: VERSION } }),
            Call::Check => calls.spawn(number, async move { done(driver.check().await) }),
            Call::LimitsLevel => calls.spawn(number, async move { Answer::LimitsLevel(driver.limits_level().await) }),
            Call::Recover(known) => {
                let earlier = self.earlier.take();
                calls.spawn(number, async move {
                    ended(earlier).await;
                    driver.recover(&known, notices).await.map_or_else(Answer::Failed, Answer::Found)
                });
            }
            Call::Warm(spec) => {
                let id = spec.sandbox_id.clone();
                calls.start(id, number, async move { done(driver.warm(spec, notices).await) });
            }
            Call::Start(spec) => {
                let id = spec.sandbox_id.clone();
                calls.start(id, number, async move {
                    driver.start(spec, notices).await.map_or_else(Answer::Failed, Answer::Started)
                });
            }
            // Its answer may have been on its way, and nobody knows of the runtime then.
            Call::Stop(id) | Call::GiveUp(id) => {
                calls.follow(id.clone(), number, async move { done(driver.stop(&id).await) });
            }
            Call::Destroy(id) => calls.follow(id.clone(), number, async move { done(driver.destroy(&id).await) }),
            Call::Stats(id) => {
                calls.spawn(number, async move { Answer::Stats(Box::new(driver.stats(&id).await)) });
            }
            // Taken before they come here.
            Call::ShutDown | Call::Outlive(_) | Call::Listen | Call::Taken(_) => {}
        }
    }
}

/// Tells the engine that waits why there is nothing to serve.
pub(super) async fn refuse(listener: &UnixListener, why: Diagnostic) -> Result<(), Diagnostic> {
    let (stream, _) = listener.accept().await.map_err(|_| why.clone())?;
    let (reader, writer) = stream.into_split();
    if let Ok(Some(Ok(Request { number, .. }))) = messages::read(&mut BufReader::new(reader)).await {
        let answer = Message::Answer { number, answer: Answer::Failed(why.clone()) };
        // It may be gone: the log has it, too.
        let _ = tokio::time::timeout(LAST_ANSWER, write_last(writer, VecDeque::new(), &answer)).await;
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

/// An answer that can't be sent is one that says so.
fn line(message: &Message) -> VecDeque<u8> {
    let encoded = messages::encode(message).or_else(|why| match message {
        Message::Answer { number, .. } => {
            messages::encode(&Message::Answer { number: *number, answer: Answer::Failed(why) })
        }
        Message::Notice(_) => Err(why),
    });
    encoded.unwrap_or_default().into()
}

async fn write_last(mut writer: OwnedWriteHalf, mut out: VecDeque<u8>, last: &Message) -> io::Result<()> {
    out.extend(line(last));
    writer.write_all_buf(&mut out).await
}

fn read_requests(reader: OwnedReadHalf) -> mpsc::Receiver<Request> {
    let (sender, requests) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        loop {
            match messages::read(&mut reader).await {
                Ok(Some(Ok(request))) => {
                    if sender.send(request).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Err(unreadable))) => tracing::error!("the engine said something unreadable: {unreadable}"),
                Ok(None) => return,
                Err(error) => return tracing::error!("the connection to the engine broke: {error}"),
            }
        }
    });
    requests
}

fn done(result: Result<(), Diagnostic>) -> Answer {
    result.map_or_else(Answer::Failed, |()| Answer::Done)
}

async fn ended(earlier: Option<JoinHandle<()>>) {
    if let Some(earlier) = earlier {
        let _ = earlier.await;
    }
}
