//! Creates that are given up at random moments leave nothing: no sandbox, no connection, no memory.
//!
//! `SANDBAR_ABORTS` says how many (default 100); from 1000 on, memory is measured as well. `SANDBAR_ABORTS_SEED` repeats
//! the moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use sandbar_client::{CallOptions, Client};
use sandbar_protocol::CreateOptions;
use support::{KEY, Serve, list_all, setting, until};

const AT_ONCE: usize = 32;
/// As many as the client keeps for later calls.
const KEPT_CONNECTIONS: usize = 256;
/// How long the client may need to delete what aborted creates have made.
const CLEANUP: Duration = Duration::from_secs(120);
/// By how much the memory of a process may differ from one moment to another, in KiB.
const MEMORY_NOISE: u64 = 8 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn creates_that_are_given_up_at_any_moment_leave_nothing() {
    let seed = setting("SANDBAR_ABORTS_SEED", fastrand::u64(..));
    let count = setting("SANDBAR_ABORTS", 100);
    println!("SANDBAR_ABORTS_SEED={seed}");
    let mut serve = Serve::start();
    let client = serve.client(KEY);
    // As long as a create takes while others run: then, about half of them are given up.
    let longest = 4 * duration_of_one(&client).await;
    abort(&client, 50, longest, seed).await;
    let before = memory();
    let aborted = abort(&client, count, longest, seed.wrapping_add(1)).await;
    println!("{aborted} of {count} creates were given up within {longest:?}");
    assert!(aborted > 0);
    assert_eq!(list_all(&client).await, []);
    let port = port(&serve);
    let grown = memory().saturating_sub(before);
    println!("{} connections are kept, and {grown} KiB more memory is", connections_to(port));
    until("no more connections than are kept for later", || connections_to(port) <= KEPT_CONNECTIONS);
    if count >= 1000 {
        assert!(grown < MEMORY_NOISE, "{grown} KiB are not given back");
    }
    drop(client);
    until("no connection", || connections_to(port) == 0);
    assert_eq!(serve.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_calls_leaves_no_more_connections_than_are_kept() {
    let mut serve = Serve::start();
    let client = serve.client(KEY);
    join_all((0..3 * KEPT_CONNECTIONS).map(async |_| client.usage_limits(CallOptions::new()).await.unwrap())).await;
    let port = port(&serve);
    until("no more connections than are kept for later", || connections_to(port) <= KEPT_CONNECTIONS);
    client.usage_limits(CallOptions::new()).await.unwrap();
    assert!(connections_to(port) > 0);
    assert_eq!(serve.terminate(), Some(0));
}

fn port(serve: &Serve) -> u16 {
    serve.url().rsplit(':').next().unwrap().parse().unwrap()
}

fn options(wait_ready: bool) -> CreateOptions {
    CreateOptions { wait_ready, ..CreateOptions::default() }
}

async fn duration_of_one(client: &Client) -> Duration {
    let begun = Instant::now();
    let sandbox = client.create(&options(true), CallOptions::new()).await.unwrap().value;
    let duration = begun.elapsed();
    client.delete(&sandbox.sandbox_id, CallOptions::new()).await.unwrap();
    duration
}

/// Creates, and gives most of it up; what came about in time is deleted. Gives back how many were given up.
async fn abort(client: &Client, count: u64, longest: Duration, seed: u64) -> usize {
    let aborted = AtomicUsize::new(0);
    stream::iter(0..count)
        .for_each_concurrent(AT_ONCE, async |number| {
            let mut random = fastrand::Rng::with_seed(seed ^ number);
            let moment = longest.mul_f64(random.f64());
            let options = options(random.bool());
            match tokio::time::timeout(moment, client.create(&options, CallOptions::new())).await {
                Ok(created) => {
                    let id = created.unwrap().value.sandbox_id;
                    assert!(client.delete(&id, CallOptions::new()).await.unwrap(), "{id}");
                }
                Err(_) => {
                    aborted.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
        .await;
    tokio::time::timeout(CLEANUP, client.settled()).await.expect("the client goes on cleaning up");
    aborted.into_inner()
}

/// How many connections of this process to a port are open.
fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&remote) && fields[3] == ESTABLISHED
    };
    table.lines().skip(1).filter(is_open).count()
}

/// What this process holds in memory, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
