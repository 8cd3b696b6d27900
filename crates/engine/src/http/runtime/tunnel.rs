use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// An upgraded connection on which neither side says anything is closed after one to two of these.
const IDLE: Duration = Duration::from_secs(3600);
/// How long one side may go on after the other has ended.
const LAST_WORDS: Duration = Duration::from_secs(60);
const BUFFER: usize = 16 * 1024;

/// Passes bytes both ways over upgraded connections, until they end.
pub(super) async fn run(client: OnUpgrade, agent: OnUpgrade) {
    // Where one side has gone meanwhile, the other is closed by being dropped.
    let Ok((client, agent)) = tokio::try_join!(client, agent) else { return };
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_agent, to_agent) = tokio::io::split(TokioIo::new(agent));
    let moved = AtomicBool::new(true);
    tokio::select! {
        () = both(pass(from_client, to_agent, &moved), pass(from_agent, to_client, &moved)) => {}
        () = silence(&moved) => {}
    }
}

/// Waits for both, for the second one not for ever.
async fn both(one: impl Future<Output = io::Result<()>>, other: impl Future<Output = io::Result<()>>) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    // A side that is broken hears no more.
    tokio::select! {
        ended = &mut one => if ended.is_ok() { let _ = timeout(LAST_WORDS, other).await; },
        ended = &mut other => if ended.is_ok() { let _ = timeout(LAST_WORDS, one).await; },
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        moved.store(true, Ordering::Relaxed);
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
        to.flush().await?;
    }
}

async fn silence(moved: &AtomicBool) {
    while moved.swap(false, Ordering::Relaxed) {
        tokio::time::sleep(IDLE).await;
    }
}
