//! `kill -9` of an engine at random moments, under load: what was acknowledged is there after the next start.
//!
//! `SANDBAR_CHAOS_ROUNDS` says how often (default 3), `SANDBAR_CHAOS_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbar_client::{CallOptions, Client, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, PublicState, Sandbox, TimeoutOptions};
use support::{KEY, Serve, command_line, list_all, processes, setting, until};

const RUNNING: usize = 20;
const PAUSED: usize = 10;
const IN_FLIGHT: usize = 50;
const TIMEOUT: u32 = 3600;
/// As `sandbar serve` has it.
const WARM: usize = 2;

/// What a client may rely on.
#[derive(Clone, Debug)]
struct Known {
    /// The state that was acknowledged, and the one that a call under way may have led to.
    states: Vec<PublicState>,
    metadata: BTreeMap<String, String>,
    /// The deadline that was acknowledged, unless a call that moves it was under way.
    end_at: Option<Timestamp>,
    /// Whether a file was written into it.
    marked: bool,
}

type Ledger = Arc<Mutex<BTreeMap<String, Known>>>;

fn change(ledger: &Ledger, id: &str, change: impl FnOnce(&mut Known)) {
    change(ledger.lock().unwrap().get_mut(id).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_forgets_nothing_that_it_acknowledged() {
    let seed = setting("SANDBAR_CHAOS_SEED", fastrand::u64(..));
    println!("SANDBAR_CHAOS_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut serve = Serve::start();
    let ledger = Ledger::default();
    for round in 0..setting("SANDBAR_CHAOS_ROUNDS", 3) {
        fill(&serve, &ledger).await;
        let load = Load { client: serve.client(KEY), ledger: ledger.clone() };
        let work = tokio::spawn(load.run(round, random.fork()));
        // No wait for anything: this is the random moment.
        tokio::time::sleep(Duration::from_millis(random.u64(0..400))).await;
        let keeper = serve.keeper().map(|pid| Pid::from_raw(pid.cast_signed())).unwrap();
        match random.u8(0..8) {
            // As in a crash of the machine: everything starts anew.
            0 | 1 => {
                serve.kill();
                kill(keeper, Signal::SIGKILL).unwrap();
            }
            // The engine may be starting the next one.
            2 => {
                kill(keeper, Signal::SIGKILL).unwrap();
                tokio::time::sleep(Duration::from_millis(random.u64(0..400))).await;
                serve.kill();
            }
            3 => {
                kill(keeper, Signal::SIGSTOP).unwrap();
                tokio::time::sleep(Duration::from_millis(random.u64(0..400))).await;
                serve.kill();
            }
            _ => serve.kill(),
        }
        work.await.unwrap();
        serve.restart();
        check(&serve, &ledger).await;
        println!("round {round}: {} sandboxes are as acknowledged", ledger.lock().unwrap().len());
        reduce(&serve, &ledger).await;
    }
    assert_eq!(serve.terminate(), Some(0));
}

/// Sandboxes with a file in each: some run, some are paused.
async fn fill(serve: &Serve, ledger: &Ledger) {
    let count = |state: &PublicState| ledger.lock().unwrap().values().filter(|known| known.states[0] == *state).count();
    let (running, paused) = (count(&PublicState::Running), count(&PublicState::Paused));
    let missing = (RUNNING + PAUSED).saturating_sub(running + paused);
    join_all((0..missing).map(async |n| {
        let id = create(&serve.client(KEY), ledger, options("filled", n)).await.unwrap();
        serve.says(&id, &format!("echo {id} > mark")).await;
        change(ledger, &id, |known| known.marked = true);
        if paused + n < PAUSED {
            serve.client(KEY).pause(&id, CallOptions::default()).await.unwrap();
            change(ledger, &id, |known| known.states = vec![PublicState::Paused]);
        }
    }))
    .await;
}

fn options(round: &str, n: usize) -> CreateOptions {
    let metadata = BTreeMap::from([("round".to_owned(), round.to_owned()), ("n".to_owned(), n.to_string())]);
    CreateOptions { wait_ready: true, timeout: Some(TIMEOUT), metadata, ..CreateOptions::default() }
}

/// A create; what is acknowledged stands in the ledger.
async fn create(client: &Client, ledger: &Ledger, options: CreateOptions) -> Option<String> {
    let sandbox = client.create(&options, CallOptions::default()).await.ok()?.value;
    let (metadata, end_at) = (options.metadata, sandbox.end_at);
    let states = vec![PublicState::Running];
    let known = Known { states, metadata, end_at, marked: false };
    ledger.lock().unwrap().insert(sandbox.sandbox_id.clone(), known);
    Some(sandbox.sandbox_id)
}

struct Load {
    client: Client,
    ledger: Ledger,
}

impl Load {
    /// Creates and changes until the engine is gone.
    async fn run(self, round: u64, mut random: fastrand::Rng) {
        let round = format!("round {round}");
        let creates = (0..IN_FLIGHT).map(|n| {
            let mut options = options(&round, n);
            options.wait_ready = n % 2 == 0;
            create(&self.client, &self.ledger, options)
        });
        let mut ids: Vec<String> = self.ledger.lock().unwrap().keys().cloned().collect();
        random.shuffle(&mut ids);
        let changes = ids.iter().take(15).map(|id| self.change(id, random.fork()));
        futures_util::join!(join_all(creates), join_all(changes));
    }

    /// One call after the other on one sandbox, until one is not acknowledged.
    async fn change(&self, id: &str, mut random: fastrand::Rng) {
        loop {
            let state = self.ledger.lock().unwrap()[id].states[0].clone();
            let acknowledged = match (random.u8(0..10), state) {
                (_, PublicState::Deleted) => return,
                (0..4, PublicState::Running) => self.set_timeout(id, random.u32(TIMEOUT..2 * TIMEOUT)).await,
                (0..9, PublicState::Running) => self.pause(id).await,
                (0..9, PublicState::Paused) => self.resume(id).await,
                _ => self.delete(id).await,
            };
            if acknowledged.is_none() {
                return;
            }
        }
    }

    async fn set_timeout(&self, id: &str, timeout: u32) -> Option<()> {
        change(&self.ledger, id, |known| known.end_at = None);
        self.client.set_timeout(id, &TimeoutOptions { timeout }, CallOptions::default()).await.ok()?;
        let end_at = self.client.get(id, CallOptions::default()).await.ok()?.value.end_at;
        change(&self.ledger, id, |known| known.end_at = end_at);
        Some(())
    }

    async fn pause(&self, id: &str) -> Option<()> {
        change(&self.ledger, id, |known| known.states.push(PublicState::Paused));
        self.client.pause(id, CallOptions::default()).await.ok()?;
        change(&self.ledger, id, |known| known.states = vec![PublicState::Paused]);
        Some(())
    }

    async fn resume(&self, id: &str) -> Option<()> {
        change(&self.ledger, id, |known| {
            known.end_at = None;
            known.states.push(PublicState::Running);
        });
        let call = (ConnectOptions::default(), CallOptions::default());
        let sandbox = self.client.connect(id, &call.0, Wait::UntilReady, call.1).await.ok()?.value;
        change(&self.ledger, id, |known| {
            known.end_at = sandbox.end_at;
            known.states = vec![PublicState::Running];
        });
        Some(())
    }

    async fn delete(&self, id: &str) -> Option<()> {
        change(&self.ledger, id, |known| known.states.push(PublicState::Deleted));
        self.client.delete(id, CallOptions::default()).await.ok()?;
        change(&self.ledger, id, |known| known.states = vec![PublicState::Deleted]);
        Some(())
    }
}

/// Everything is as it was acknowledged, and nothing else runs.
async fn check(serve: &Serve, ledger: &Ledger) {
    let client = serve.client(KEY);
    let known = ledger.lock().unwrap().clone();
    join_all(known.iter().map(|(id, known)| compare(&client, id, known, ledger))).await;
    // A create that was accepted, and its answer lost, is there as well.
    for sandbox in list_all(&client).await {
        let state = settled(&client, &sandbox.sandbox_id).await.state.unwrap();
        assert!(matches!(state, PublicState::Running | PublicState::Paused), "{state:?}: {sandbox:?}");
        let metadata = sandbox.metadata.unwrap();
        let found = Known { states: vec![state], metadata, end_at: None, marked: false };
        ledger.lock().unwrap().entry(sandbox.sandbox_id).or_insert(found);
    }
    let in_state = |state: &PublicState| -> BTreeSet<String> {
        let ledger = ledger.lock().unwrap();
        ledger.iter().filter(|(_, known)| known.states[0] == *state).map(|(id, _)| id.clone()).collect()
    };
    let running = in_state(&PublicState::Running);
    until("the processes are those of the running", || are_those_of(launched(serve), &running));
    let kept: BTreeSet<String> = running.union(&in_state(&PublicState::Paused)).cloned().collect();
    until("the folders are those of the kept", || are_those_of(folders(serve), &kept));
    let marked = known.iter().filter(|(id, known)| known.marked && kept.contains(*id));
    join_all(marked.map(async |(id, _)| {
        client.connect(id, &ConnectOptions::default(), Wait::UntilReady, CallOptions::default()).await.unwrap();
        change(ledger, id, |known| (known.states, known.end_at) = (vec![PublicState::Running], None));
        assert_eq!(serve.says(id, "cat mark").await, *id);
    }))
    .await;
}

/// Besides them, there are those of the runtimes that are kept warm.
fn are_those_of(found: BTreeSet<String>, sandboxes: &BTreeSet<String>) -> bool {
    found.is_superset(sandboxes) && found.len() <= sandboxes.len() + WARM
}

async fn compare(client: &Client, id: &str, known: &Known, ledger: &Ledger) {
    let sandbox = settled(client, id).await;
    let state = sandbox.state.clone().unwrap();
    // As documented of a keeper that was lost again and again.
    let is_paused = state == PublicState::Paused
        && sandbox.diagnostic.as_ref().is_some_and(|diagnostic| diagnostic.reason == "keeper_lost");
    assert!(known.states.contains(&state) || is_paused, "{id} is {state:?}, acknowledged was {known:?}: {sandbox:#?}");
    if state != PublicState::Deleted {
        assert_eq!(sandbox.metadata.as_ref(), Some(&known.metadata));
        if let Some(end_at) = known.end_at {
            assert_eq!(sandbox.end_at, Some(end_at), "{id}: {sandbox:#?}");
        }
    }
    change(ledger, id, |known| known.states = vec![state]);
}

/// Its detail, once it is not starting any more.
async fn settled(client: &Client, id: &str) -> Sandbox {
    loop {
        let sandbox = client.get(id, CallOptions::default()).await.unwrap().value;
        if sandbox.state != Some(PublicState::Starting) {
            return sandbox;
        }
        tokio::task::yield_now().await;
    }
}

/// The sandboxes that have processes, whoever's child these are: what an engine starts bears the data folder's number.
fn launched(serve: &Serve) -> BTreeSet<String> {
    let folder = format!("-{:x}", fs::metadata(serve.folder.path()).unwrap().ino());
    let of_folder = |line: &String| line.split('\0').next().is_some_and(|name| name.ends_with(&folder));
    let lines = processes().map(command_line).filter(of_folder);
    lines.filter_map(|line| line.split(['/', '\0']).find(|part| part.starts_with("sb-")).map(str::to_owned)).collect()
}

fn folders(serve: &Serve) -> BTreeSet<String> {
    let entries = fs::read_dir(serve.folder.path().join("sandboxes")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Deletes all but what the next round begins with.
async fn reduce(serve: &Serve, ledger: &Ledger) {
    let client = serve.client(KEY);
    let mut left = RUNNING + PAUSED;
    let mut surplus = Vec::new();
    ledger.lock().unwrap().retain(|id, known| {
        let keep = known.marked && known.states != [PublicState::Deleted] && left > 0;
        left -= usize::from(keep);
        if !keep {
            surplus.push(id.clone());
        }
        keep
    });
    join_all(surplus.iter().map(async |id| client.delete(id, CallOptions::default()).await.unwrap())).await;
    // The kept ones run: some are paused for the next round.
    let ids: Vec<String> = ledger.lock().unwrap().keys().take(PAUSED).cloned().collect();
    join_all(ids.iter().map(async |id| {
        client.pause(id, CallOptions::default()).await.unwrap();
        change(ledger, id, |known| known.states = vec![PublicState::Paused]);
    }))
    .await;
}
