//! A process's input.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use pty_process::{OwnedWritePty, Size};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::{Mutex, watch};

use crate::problem::Problem;

/// How long input waits for a process that does not read it: less than clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where input goes.
pub(super) enum Writer {
    /// Nothing was asked for: the process reads an end of file.
    None,
    Pipe(ChildStdin),
    Pty(OwnedWritePty),
    Closed,
}

/// The input of the process `pid`.
pub(super) struct Input {
    pid: u32,
    writer: Mutex<Writer>,
    /// The terminal once more: its size changes even while input waits.
    terminal: StdMutex<Option<OwnedFd>>,
    has_ended: watch::Sender<bool>,
}

impl Input {
    pub(super) fn new(pid: u32, writer: Writer, terminal: Option<OwnedFd>) -> Self {
        Self {
            pid,
            writer: Mutex::new(writer),
            terminal: StdMutex::new(terminal),
            has_ended: watch::Sender::new(false),
        }
    }

    /// Writes all of it, or refuses the rest of it after a while.
    pub(super) async fn send(&self, bytes: &[u8]) -> Result<(), Problem> {
        let written = self.send_some(bytes).await?;
        if written == bytes.len() {
            return Ok(());
        }
        let (pid, waited, all) = (self.pid, PATIENCE.as_secs(), bytes.len());
        let message = format!("process {pid} did not read its input for {waited} s: {written} of {all} bytes went in");
        Err(Problem::precondition(message))
    }

    /// Writes what goes in for a while, and says how many bytes that was.
    pub(super) async fn send_some(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let mut written = 0;
        // What went in meanwhile counts.
        match tokio::time::timeout(PATIENCE, self.feed(bytes, &mut written)).await {
            Ok(outcome) => outcome.map(|()| bytes.len()),
            Err(_) => Ok(written),
        }
    }

    /// Writes all of it, however long the process takes to read it.
    pub(super) async fn send_all(&self, bytes: &[u8]) -> Result<(), Problem> {
        self.feed(bytes, &mut 0).await
    }

    async fn feed(&self, bytes: &[u8], written: &mut usize) -> Result<(), Problem> {
        let mut has_ended = self.has_ended.subscribe();
        tokio::select! {
            biased;
            result = self.write(bytes, written) => result,
            _ = has_ended.wait_for(|has_ended| *has_ended) => Err(self.is_closed("it has ended")),
        }
    }

    async fn write(&self, bytes: &[u8], written: &mut usize) -> Result<(), Problem> {
        let mut writer = self.writer.lock().await;
        while let Some(rest @ [_, ..]) = bytes.get(*written..) {
            let result = match &mut *writer {
                Writer::Pipe(pipe) => pipe.write(rest).await,
                Writer::Pty(pty) => pty.write(rest).await,
                Writer::None => return Err(self.has_none()),
                Writer::Closed => return Err(self.is_closed("its standard input was closed")),
            };
            *written += match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                result => result.map_err(|error| self.refused(&error))?,
            };
        }
        Ok(())
    }

    /// The process reads an end of file once it has read what was sent.
    pub(super) async fn close(&self) -> Result<(), Problem> {
        let closed = tokio::time::timeout(PATIENCE, async {
            let mut writer = self.writer.lock().await;
            match &*writer {
                Writer::Pipe(_) | Writer::Closed => {
                    *writer = Writer::Closed;
                    Ok(())
                }
                Writer::None => Err(self.has_none()),
                Writer::Pty(_) => Err(Problem::precondition(format!(
                    "process {} has a terminal, which has no end of file: send \\x04 (Ctrl-D) as input instead",
                    self.pid
                ))),
            }
        });
        closed.await.unwrap_or_else(|_| {
            Err(Problem::precondition(format!("input of process {} waits to be read: close it later", self.pid)))
        })
    }

    /// Changes the size of the terminal, and tells the programs in it.
    pub(super) fn resize(&self, size: Size) -> Result<(), Problem> {
        let terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(terminal) = &*terminal else {
            return Err(Problem::precondition(format!(
                "process {} has no terminal: start it with `pty` to have one",
                self.pid
            )));
        };
        tcsetwinsize(terminal.as_fd(), Winsize::from(size))
            .map_err(|error| Problem::internal(format!("the terminal's size can't be changed: {error}")))
    }

    /// The process has ended.
    pub(super) async fn end(&self) {
        // Whoever still writes lets go of the writer.
        self.has_ended.send_replace(true);
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.writer.lock().await = Writer::Closed;
    }

    fn has_none(&self) -> Problem {
        let Self { pid, .. } = self;
        Problem::precondition(format!(
            "process {pid} has no standard input: start it without `stdin: false` to have one"
        ))
    }

    fn is_closed(&self, why: &str) -> Problem {
        Problem::precondition(format!("process {} takes no input any more: {why}", self.pid))
    }

    fn refused(&self, error: &io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::BrokenPipe => self.is_closed("it has closed its standard input, or ended"),
            _ => self.is_closed(&error.to_string()),
        }
    }
}
