//! The load: sandboxes that are created, used, paused, resumed and deleted, and looked after.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use sandbar_client::{CallOptions, Wait};
use sandbar_protocol::{ConnectOptions, CreateOptions, PublicState, Sandbox, TimeoutOptions};
use serde_json::{Value, json};

use crate::ledger::Known;
use crate::scene::World;

/// No clock that is set in this run comes so far.
const LONG: u32 = 86_400;
/// What a worker looks after at most.
const MOST: usize = 5;
/// A folder so deep that no path of the system names its ground.
const DEEP: &str = "python3 -c \"import os\nfor n in range(15000):\n os.mkdir('d'); os.chdir('d')\"";
const RUN_LIMIT: Duration = Duration::from_secs(30);

/// Works until it is stopped; panics if something is not as acknowledged.
pub async fn work(world: Arc<World>, number: u64, mut random: fastrand::Rng) {
    let mut mine: Vec<String> = Vec::new();
    while !world.stop.is_cancelled() {
        if mine.len() < MOST {
            mine.extend(create(&world, number, &mut random).await);
        }
        if let Some(id) = random.choice(&mine).cloned() {
            use_one(&world, &id, &mut random).await;
        }
        let gone = |id: &String| world.ledger.known()[id].states == [PublicState::Deleted];
        for id in mine.extract_if(.., |id| gone(id)) {
            world.ledger.forget(&id);
        }
        // An engine that is away refuses at once.
        tokio::time::sleep(Duration::from_millis(random.u64(10..100))).await;
    }
}

async fn create(world: &World, number: u64, random: &mut fastrand::Rng) -> Option<String> {
    let (short, auto_pause) = (random.u8(0..4) == 0, random.bool());
    let timeout = if short { random.u32(5..30) } else { LONG };
    let metadata = [("worker".to_owned(), number.to_string())].into();
    let options =
        CreateOptions { wait_ready: true, timeout: Some(timeout), auto_pause, metadata, ..CreateOptions::default() };
    let call = world.client.create(&options, CallOptions::default());
    let sandbox = world.ledger.count("create", call).await?.value;
    let end = if auto_pause { PublicState::Paused } else { PublicState::Deleted };
    let expires = sandbox.end_at.filter(|_| short).map(|at| (at, end.clone()));
    // Its TTL may be over at any time.
    let mut states = vec![PublicState::Running];
    states.extend(short.then_some(end));
    let id = sandbox.sandbox_id.clone();
    world.ledger.add(&id, Known { states, marked: false, deep: false, expires });
    if !short {
        let deep = random.u8(0..8) == 0;
        world.ledger.change(&id, |known| known.deep = deep);
        let nest = if deep { DEEP } else { "true" };
        if run(&sandbox, &format!("echo {id} > mark && {nest}")).await.is_some() {
            world.ledger.change(&id, |known| known.marked = true);
        }
    }
    Some(id)
}

async fn use_one(world: &World, id: &str, random: &mut fastrand::Rng) {
    let known = world.ledger.known()[id].clone();
    if known.expires.is_some() || known.states.len() > 1 {
        let _ = check(world, id).await;
        return;
    }
    let (client, call) = (&world.client, CallOptions::default());
    match (random.u8(0..10), &known.states[0]) {
        (0..3, PublicState::Running) => {
            world.ledger.leads_to(id, PublicState::Paused, "pause", client.pause(id, call)).await;
        }
        (0..6, PublicState::Paused) => {
            let options = ConnectOptions { timeout: Some(LONG) };
            let connect = client.connect(id, &options, Wait::UntilReady, call);
            world.ledger.leads_to(id, PublicState::Running, "connect", connect).await;
        }
        (3..5, PublicState::Running) => {
            world.ledger.count("timeout", client.set_timeout(id, &TimeoutOptions { timeout: LONG }, call)).await;
        }
        (9, _) => {
            world.ledger.leads_to(id, PublicState::Deleted, "delete", client.delete(id, call)).await;
        }
        _ => {
            let _ = check(world, id).await;
        }
    }
}

/// Its state is one that may be, and its file is there. `None`: the engine did not answer.
pub async fn check(world: &World, id: &str) -> Option<()> {
    let sandbox = loop {
        let sandbox = world.ledger.count("get", world.client.get(id, CallOptions::default())).await?.value;
        if sandbox.state != Some(PublicState::Starting) {
            break sandbox;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let state = sandbox.state.clone().unwrap();
    let known = world.ledger.known()[id].clone();
    // A sandbox whose keeper is lost again and again is paused, which loses nothing either.
    let reason = sandbox.diagnostic.as_ref().map(|diagnostic| diagnostic.reason.as_str());
    let may_be_paused = reason == Some("keeper_lost") || (known.deep && reason == Some("home_full"));
    let paused_for_safety = state == PublicState::Paused && may_be_paused;
    assert!(
        known.states.contains(&state) || paused_for_safety,
        "{id} is {state:?}, acknowledged was {known:?}: {sandbox:#?}"
    );
    world.ledger.change(id, |known| {
        if paused_for_safety {
            // Nothing is deleted any more at the end of a TTL.
            known.expires = None;
        }
        if known.expires.is_none() {
            known.states = vec![state.clone()];
        }
    });
    if known.marked && state == PublicState::Running {
        // Without an answer, a fault was in the way.
        if let Some(mark) = run(&sandbox, "cat mark").await {
            assert_eq!(mark, id, "its file is gone");
        }
    }
    Some(())
}

/// What a command prints; `None` if it can't be reached now.
async fn run(sandbox: &Sandbox, cmd: &str) -> Option<String> {
    let envd = sandbox.envd.as_ref()?;
    let request = Request::post(format!("{}/run", envd.envd_url.as_ref()?))
        .header("x-access-token", envd.envd_access_token.as_ref()?.expose())
        .body(Full::<Bytes>::from(json!({ "cmd": cmd }).to_string()))
        .unwrap();
    let answer: Value = serde_json::from_str(&answer(request).await.ok()?).ok()?;
    (answer["exit_code"] == 0).then(|| answer["stdout"].as_str().unwrap_or_default().trim().to_owned())
}

pub async fn get(url: &str) -> Result<String, String> {
    answer(Request::get(url).body(Full::default()).unwrap()).await
}

async fn answer(request: Request<Full<Bytes>>) -> Result<String, String> {
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let answer = async {
        let body = client.request(request).await.map_err(|error| error.to_string())?.into_body();
        let bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    tokio::time::timeout(RUN_LIMIT, answer).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}
