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
    if let Ok((client, agent)) = tokio::try_join!(client, agent) {
        between(TokioIo::new(client), TokioIo::new(agent)).await;
    }
}

async fn between(client: impl AsyncRead + AsyncWrite, agent: impl AsyncRead + AsyncWrite) {
    let (from_client, to_client) = tokio::io::split(client);
    let (from_agent, to_agent) = tokio::io::split(agent);
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

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;

    fn ends() -> (DuplexStream, DuplexStream) {
        let ((client, ours), (theirs, agent)) = (duplex(64), duplex(64));
        tokio::spawn(between(ours, theirs));
        (client, agent)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_is_said_is_closed_after_an_hour_or_two() {
        let begun = Instant::now();
        let (mut client, _agent) = ends();
        assert_eq!(client.read_u8().await.ok(), None);
        assert!(begun.elapsed() >= IDLE && begun.elapsed() <= 2 * IDLE, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_of_either_side_keeps_it_open() {
        let (mut client, mut agent) = ends();
        for _ in 0..5 {
            sleep(IDLE * 9 / 10).await;
            client.write_u8(1).await.expect("it is open");
            assert_eq!(agent.read_u8().await.ok(), Some(1));
            sleep(IDLE * 9 / 10).await;
            agent.write_u8(2).await.expect("it is open");
            assert_eq!(client.read_u8().await.ok(), Some(2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_left_may_finish_and_not_for_ever() {
        let (mut client, mut agent) = ends();
        client.shutdown().await.expect("an end");
        assert_eq!(agent.read_u8().await.ok(), None);
        agent.write_u8(3).await.expect("it is open");
        assert_eq!(client.read_u8().await.ok(), Some(3));
        let begun = Instant::now();
        assert_eq!(client.read_u8().await.ok(), None);
        assert!(begun.elapsed() <= LAST_WORDS, "{:?}", begun.elapsed());
    }
}
