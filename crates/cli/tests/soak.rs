//! Many lifecycles at once behind a proxy that breaks a fifth of the requests, while the engine is killed five times: in
//! the end the engine has the sandboxes that the client holds, and no other.
//!
//! `SANDBAR_SOAK_LIFECYCLES` says how many (default 200, the whole soak is 5000), `SANDBAR_SOAK_SEED` repeats the faults.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord, Wait};
use sandbar_faults::{Fault, Message, Plan, Proxy, random};
use sandbar_protocol::{ConnectOptions, CreateOptions, RefreshOptions, Secret, TimeoutOptions};
use support::{KEY, Serve, list_all, setting};
use tokio::sync::watch;

const AT_ONCE: usize = 64;
const FAULTY: f64 = 0.2;
const KILLS: u64 = 5;
/// Of the sandboxes that are not deleted, no more are kept: each takes memory.
const MOST_KEPT: usize = 100;
/// How long the client may need to clean up after the last lifecycle.
const CLEANUP: Duration = Duration::from_secs(120);
const TIMEOUT: u32 = 3600;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_has_is_what_the_client_holds() {
    let seed = setting("SANDBAR_SOAK_SEED", fastrand::u64(..));
    let count = setting("SANDBAR_SOAK_LIFECYCLES", 200);
    println!("SANDBAR_SOAK_SEED={seed}");
    let mut serve = Serve::start();
    let proxy = Proxy::start(address(&serve), faults(seed, count)).await.unwrap();
    let (progress, mut seen) = watch::channel(0);
    let soak = Soak { client: client(&proxy), held: Mutex::default(), errors: Mutex::default(), progress };
    let begun = Instant::now();
    let lifecycles = stream::iter(0..count).for_each_concurrent(AT_ONCE, |number| soak.lifecycle(number, seed));
    let kills = async {
        for kill in 1..=KILLS {
            seen.wait_for(|done| *done >= kill * count / (KILLS + 1)).await.unwrap();
            tokio::task::block_in_place(|| serve.kill_and_restart());
            proxy.set_upstream(address(&serve));
        }
    };
    futures_util::join!(lifecycles, kills);
    println!("{count} lifecycles in {:?}: {} requests, {} faults", begun.elapsed(), proxy.requests(), proxy.faults());
    println!("what was no success: {:?}", soak.errors.lock().unwrap());
    let begun = Instant::now();
    tokio::time::timeout(CLEANUP, soak.client.settled()).await.expect("the client goes on cleaning up");
    let held = soak.held.lock().unwrap().clone();
    let listed: BTreeSet<String> =
        list_all(&serve.client(KEY)).await.into_iter().map(|sandbox| sandbox.sandbox_id).collect();
    let (unknown, lost): (Vec<_>, Vec<_>) = (listed.difference(&held).collect(), held.difference(&listed).collect());
    assert_eq!(listed, held, "the client does not know of {unknown:?}; the engine not of {lost:?}");
    println!("{} sandboxes on both sides, {:?} after the last lifecycle", held.len(), begun.elapsed());
    assert_eq!(serve.terminate(), Some(0));
}

fn address(serve: &Serve) -> SocketAddr {
    serve.url().strip_prefix("http://").unwrap().parse().unwrap()
}

fn client(proxy: &Proxy) -> Client {
    let options = ClientOptions {
        base_url: Some(proxy.url()),
        api_key: Some(Secret::new(KEY)),
        request_timeout: Some(Duration::from_secs(10)),
        ready_timeout: Some(Duration::from_secs(60)),
        ..ClientOptions::default()
    };
    Client::new(Config::new(&options, &Environment::default()).unwrap())
}

fn faults(seed: u64, count: u64) -> Plan {
    let refusal = |status, headers: &[(&str, &str)]| Fault::Answer(Message::answer(status, headers, "{}"));
    let mut faults = vec![
        Fault::Close,
        Fault::Reset,
        Fault::ResetAfter,
        Fault::ResetInHead,
        Fault::ResetInBody,
        Fault::Truncate,
        Fault::CloseAfter,
        Fault::Slow { piece: 64, pause: Duration::from_millis(2) },
        Fault::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Fault::RewriteBody(|body| body[..body.len() / 2].to_owned()),
        refusal(429, &[("retry-after", "0")]),
        refusal(500, &[]),
        refusal(502, &[]),
        refusal(503, &[]),
        refusal(504, &[]),
    ];
    // Each costs a time limit: too long for every day.
    if count >= 1000 {
        faults.push(Fault::Hang);
    }
    random(seed, FAULTY, faults)
}

struct Soak {
    client: Client,
    /// The sandboxes that the client was told of and did not delete.
    held: Mutex<BTreeSet<String>>,
    /// How often each kind of error came.
    errors: Mutex<BTreeMap<String, usize>>,
    progress: watch::Sender<u64>,
}

impl Soak {
    async fn lifecycle(&self, number: u64, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed ^ number);
        let options = CreateOptions { wait_ready: random.bool(), timeout: Some(TIMEOUT), ..CreateOptions::default() };
        let create = self.client.create(&options, CallOptions::new());
        // Some are given up at a random moment.
        let patience = if random.u8(0..10) == 0 { Duration::from_millis(random.u64(0..200)) } else { Duration::MAX };
        match tokio::time::timeout(patience, create).await {
            Ok(Ok(answer)) => self.use_up(&answer.value.sandbox_id, random).await,
            Ok(Err(error)) => {
                self.count(&error);
                // It was made, but did not become ready in time: the error says which one it is.
                if let Some(id) = error.sandbox_id() {
                    self.delete(id).await;
                }
            }
            Err(_) => self.count_kind("given up"),
        }
        self.progress.send_modify(|done| *done += 1);
    }

    async fn use_up(&self, id: &str, mut random: fastrand::Rng) {
        self.held.lock().unwrap().insert(id.to_owned());
        for _ in 0..random.u8(0..4) {
            let result = self.call(id, &mut random).await;
            if let Err(error) = result {
                self.count(&error);
            }
        }
        let keep = random.bool() && self.held.lock().unwrap().len() < MOST_KEPT;
        if !keep {
            self.delete(id).await;
        }
    }

    async fn call(&self, id: &str, random: &mut fastrand::Rng) -> Result<(), ClientError> {
        let (client, call) = (&self.client, CallOptions::new());
        match random.u8(0..5) {
            0 => client.get(id, call).await.map(drop),
            1 => client.set_timeout(id, &TimeoutOptions { timeout: TIMEOUT }, call).await.map(drop),
            2 => client.refresh(id, &RefreshOptions::default(), call).await.map(drop),
            3 => client.pause(id, call).await.map(drop),
            _ => client.connect(id, &ConnectOptions::default(), Wait::UntilReady, call).await.map(drop),
        }
    }

    /// Deletes until that is acknowledged.
    async fn delete(&self, id: &str) {
        while let Err(error) = self.client.delete(id, CallOptions::new()).await {
            self.count(&error);
        }
        self.held.lock().unwrap().remove(id);
    }

    fn count(&self, error: &ClientError) {
        let record = ErrorRecord::from(error);
        // What was acknowledged can't be gone, and nothing that the proxy does is a matter of keys or arguments.
        let impossible = ["not_found", "authentication", "permission", "validation", "redirect", "invalid_request"];
        assert!(!impossible.contains(&record.kind), "{error:?}");
        self.count_kind(record.code.as_deref().unwrap_or(record.kind));
    }

    fn count_kind(&self, kind: &str) {
        *self.errors.lock().unwrap().entry(kind.to_owned()).or_default() += 1;
    }
}
