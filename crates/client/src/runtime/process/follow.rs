use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::ending::Ending;
use super::running::{Attach, Shared};
use super::text::WholeCharacters;
use super::wire::{End, Message, OutputStream, ResultAnswer, Selector, Started};
use crate::client::LONGEST_TIMEOUT;
use crate::runtime::call::RuntimeRequest;
use crate::runtime::frames::Frames;
use crate::{CallOptions, ClientError, FollowLoss, retry};

const START: &str = "/process.Process/Start";
const CONNECT: &str = "/process.Process/Connect";
const GET_RESULT: &str = "/process.Process/GetResult";
/// How often a stream may be lost with nothing new in between.
const MOST_LOSSES: u32 = 3;
/// A result may come a moment after the end: how often it is asked for, and how far apart.
const MOST_ASKED: u32 = 20;
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// What is told of which process is meant.
#[derive(Serialize)]
struct OneProcess<'a> {
    process: &'a Selector,
}

/// What was received of one stream: how much, and a digest by which a repetition is known.
#[derive(Clone, Copy, Debug)]
struct Received {
    length: u64,
    digest: u64,
}

impl Received {
    const NOTHING: Self = Self { length: 0, digest: 0xcbf2_9ce4_8422_2325 };

    /// FNV-1a.
    fn take(&mut self, bytes: &[u8]) {
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// One stream of a process's output.
struct Channel {
    stream: OutputStream,
    text: WholeCharacters,
    received: Received,
    /// What of it came again since the stream was opened anew.
    repeated: Received,
}

/// Takes in what a process tells.
struct Follower {
    shared: Arc<Shared>,
    channels: [Channel; 3],
    /// Gives it its input.
    input: JoinSet<Result<(), ClientError>>,
    /// Whether something new has come since the connection was last lost.
    is_new: bool,
    /// By when a connection that was lost must be back.
    back_by: Option<Instant>,
    /// How long its output had to wait for its readers: that is no fault of the other side.
    held_up: Duration,
}

/// Why a stream is not read any further.
enum Stop {
    /// The process has ended.
    End(End),
    /// The connection was lost.
    Lost(ClientError),
}

impl Shared {
    /// Follows the process to its end, and tells how that went.
    pub(super) async fn live(self: Arc<Self>, attach: Attach) {
        let channels = [OutputStream::Stdout, OutputStream::Stderr, OutputStream::Pty].map(|stream| Channel {
            stream,
            text: WholeCharacters::default(),
            received: Received::NOTHING,
            repeated: Received::NOTHING,
        });
        let mut follower = Follower {
            shared: Arc::clone(&self),
            channels,
            input: JoinSet::new(),
            is_new: false,
            back_by: None,
            held_up: Duration::ZERO,
        };
        let outcome = follower.run(&attach).await;
        for channel in &mut follower.channels {
            let rest = channel.text.finish();
            self.output.push(channel.stream, rest).await;
        }
        self.finish(outcome);
    }
}

impl Follower {
    async fn run(&mut self, attach: &Attach) -> Result<Ending, ClientError> {
        let request = match attach {
            Attach::Start(request) => RuntimeRequest::post(START).json(request).not_twice(),
            Attach::To(selector) => RuntimeRequest::post(CONNECT).json(&OneProcess { process: selector }),
        };
        let opened = self.shared.runtime.frames(request, &self.within_limit()).await;
        let mut frames = opened.map_err(|error| self.overdue_if_late(error))?;
        let mut losses = 0;
        loop {
            let lost = match self.read(&mut frames).await? {
                Stop::End(end) => return self.ending(&end).await,
                Stop::Lost(error) => error,
            };
            losses = if self.is_new { 1 } else { losses + 1 };
            self.back_by.get_or_insert_with(|| Instant::now() + self.shared.runtime.silence().reconnect);
            let Some(started) = self.shared.started().filter(|_| losses <= MOST_LOSSES) else {
                return Err(self.goes_on(lost));
            };
            frames = match self.open_again(&started).await {
                Ok(frames) => frames,
                // It has ended meanwhile.
                Err(error @ ClientError::Api(_)) if error.is_gone() => return self.result_after(&started, lost).await,
                Err(error @ ClientError::NotRunning(_)) => return Err(error),
                Err(error) => return Err(self.goes_on(error)),
            };
        }
    }

    /// The options of a request of the way, which may not take longer than the process has, and the runtime.
    fn within_limit(&self) -> CallOptions {
        let call = &self.shared.call;
        let ends = [self.overdue_at(), self.back_by, call.deadline].into_iter().flatten().min();
        CallOptions { deadline: ends, ..call.clone() }
    }

    /// By when its end must have come, if it has a time limit.
    fn overdue_at(&self) -> Option<Instant> {
        let limit = Duration::from_millis(self.shared.limit_ms?);
        let most = limit.saturating_add(self.shared.runtime.silence().grace).saturating_add(self.held_up);
        Some(self.shared.since() + most.min(LONGEST_TIMEOUT))
    }

    /// The error of a process whose end should have come.
    fn overdue(&self) -> ClientError {
        let limit = Duration::from_millis(self.shared.limit_ms.unwrap_or_default());
        self.shared.not_followed(self.shared.started().as_ref(), FollowLoss::Overdue(limit))
    }

    fn overdue_if_late(&self, error: ClientError) -> ClientError {
        let is_late = self.overdue_at().is_some_and(|at| at <= Instant::now());
        if is_late && matches!(error, ClientError::RequestTimeout { .. }) { self.overdue() } else { error }
    }

    async fn open_again(&mut self, started: &Started) -> Result<Frames, ClientError> {
        self.is_new = false;
        for channel in &mut self.channels {
            channel.repeated = Received::NOTHING;
        }
        let call = &self.within_limit();
        let runtime = &self.shared.runtime;
        let process = Selector::Pid(started.pid);
        let mut attempts = 0;
        loop {
            let request = RuntimeRequest::post(CONNECT).json(&OneProcess { process: &process });
            let error = match runtime.frames(request, call).await {
                Err(error) if !is_gone(&error) => error,
                settled => return settled,
            };
            // A sandbox that was paused or deleted is why, and may only be about to say so.
            if let Err(error @ ClientError::NotRunning(_)) = runtime.look(call).await {
                return Err(error);
            }
            attempts += 1;
            if attempts > MOST_LOSSES {
                return Err(error);
            }
            tokio::time::sleep(retry::pause(attempts, None)).await;
        }
    }

    /// Reads a stream as far as it goes.
    async fn read(&mut self, frames: &mut Frames) -> Result<Stop, ClientError> {
        loop {
            let overdue_at = self.overdue_at();
            let next = tokio::select! {
                biased;
                next = frames.next::<Message>() => next,
                error = failure(&mut self.input) => return Err(error),
                () = sleep_until_some(overdue_at) => return Err(self.overdue()),
            };
            let event = match next {
                Ok(Some(message)) => {
                    self.back_by = None;
                    message.event
                }
                Ok(None) => return Ok(Stop::Lost(frames.lost("the stream ended before the process did".to_owned()))),
                Err(error @ ClientError::Transport { .. }) => return Ok(Stop::Lost(error)),
                Err(error) => return Err(error),
            };
            if let Some(started) = event.start {
                self.start(started).await?;
            }
            if let Some(data) = event.data {
                let pieces = data.pieces().ok_or_else(|| frames.invalid("output that is no base64"))?;
                for (stream, bytes) in pieces {
                    self.take(stream, &bytes).await?;
                }
            }
            if let Some(end) = event.end {
                return Ok(Stop::End(end));
            }
        }
    }

    async fn start(&mut self, started: Started) -> Result<(), ClientError> {
        let Some(known) = self.shared.started() else {
            let pid = started.pid;
            if !self.shared.begin(started).await {
                return Err(self.shared.not_followed(None, FollowLoss::Disconnected));
            }
            // Beside the output: a process may not read on before what it has printed is taken.
            let shared = Arc::clone(&self.shared);
            self.input.spawn(async move {
                let Some(input) = &shared.input else { return Ok(()) };
                shared.runtime.give_input(pid, input, &shared.call).await
            });
            return Ok(());
        };
        // Its number went to another process meanwhile.
        if known != started && known.cmd_id.is_some() {
            return Err(self.shared.not_followed(Some(&known), FollowLoss::OutputLost));
        }
        Ok(())
    }

    /// Takes output in, but for what came before.
    async fn take(&mut self, stream: OutputStream, bytes: &[u8]) -> Result<(), ClientError> {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.stream == stream) else { return Ok(()) };
        let missing = channel.received.length - channel.repeated.length;
        let again = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
        let (known, fresh) = bytes.split_at(again);
        channel.repeated.take(known);
        if channel.repeated.length == channel.received.length && channel.repeated.digest != channel.received.digest {
            return Err(self.shared.not_followed(self.shared.started().as_ref(), FollowLoss::OutputLost));
        }
        if fresh.is_empty() {
            return Ok(());
        }
        channel.received.take(fresh);
        channel.repeated = channel.received;
        self.is_new = true;
        let whole = channel.text.push(fresh);
        let begun = Instant::now();
        self.shared.output.push(stream, whole).await;
        self.held_up += begun.elapsed();
        Ok(())
    }

    async fn ending(&self, end: &End) -> Result<Ending, ClientError> {
        if let Some(ending) = Ending::of(end) {
            return Ok(ending);
        }
        let cmd_id = self.shared.started().and_then(|started| started.cmd_id);
        let Some(cmd_id) = cmd_id else { return Ok(Ending::killed(end)) };
        let result = self.result(&cmd_id).await;
        let exit_code = result.map(|result| result.exit_code).ok().filter(|code| *code != 0);
        let killed = Ending::killed(end);
        Ok(Ending { exit_code: exit_code.unwrap_or(killed.exit_code), ..killed })
    }

    /// The rest of a process that ended while the connection was lost.
    async fn result_after(&mut self, started: &Started, lost: ClientError) -> Result<Ending, ClientError> {
        let Some(cmd_id) = &started.cmd_id else { return Err(self.goes_on(lost)) };
        let Ok(result) = self.result(cmd_id).await else { return Err(self.goes_on(lost)) };
        let ResultAnswer { exit_code, stdout, stderr, error, truncated } = result;
        self.take(OutputStream::Stdout, stdout.as_bytes()).await?;
        self.take(OutputStream::Stderr, stderr.as_bytes()).await?;
        Ok(Ending { exit_code, error, status: None, truncated })
    }

    async fn result(&self, cmd_id: &str) -> Result<ResultAnswer, ClientError> {
        let body = serde_json::json!({ "cmdId": cmd_id });
        let mut asked = 0;
        loop {
            let request = RuntimeRequest::post(GET_RESULT).json(&body);
            match self.shared.runtime.unary(request, &self.within_limit()).await {
                Ok(answer) => return Ok(answer.value),
                Err(ClientError::Api(error)) if error.status == 404 && is_unfinished(&error) && asked < MOST_ASKED => {
                    asked += 1;
                    tokio::time::sleep(ASKED_EVERY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What is told of a process that can't be followed any more.
    fn goes_on(&self, lost: ClientError) -> ClientError {
        if self.overdue_at().is_some_and(|at| at <= Instant::now()) {
            return self.overdue();
        }
        match self.shared.started() {
            Some(started) => self.shared.not_followed(Some(&started), FollowLoss::Connection(Box::new(lost))),
            None => lost,
        }
    }
}

async fn sleep_until_some(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Comes back if the input could not be given.
async fn failure(input: &mut JoinSet<Result<(), ClientError>>) -> ClientError {
    while let Some(given) = input.join_next().await {
        if let Ok(Err(error)) = given {
            return error;
        }
    }
    std::future::pending().await
}

/// Whether there is no such process, or no sandbox that runs.
fn is_gone(error: &ClientError) -> bool {
    match error {
        ClientError::Api(_) => error.is_gone(),
        other => matches!(other, ClientError::NotRunning(_)),
    }
}

fn is_unfinished(error: &crate::ApiError) -> bool {
    let message = error.message.as_deref().unwrap_or_default();
    message.contains("not finished")
}
