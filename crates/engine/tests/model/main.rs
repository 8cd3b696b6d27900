//! Random histories, through the routes, with a clock of their own, against a model of the contract.
//!
//! `PROPTEST_CASES` says how many (default 250).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod model;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use model::{Model, Operation, State};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sandbar_engine::driver::RuntimeNotice;
use sandbar_engine::http::{HttpConfig, UrlConfig};
use sandbar_engine::service::{Service, ServiceParts};
use sandbar_engine::templates::Templates;
use sandbar_engine::{Clock, Settings};
use sandbar_protocol::{Diagnostic, Secret};
use serde_json::{Value, json};
use support::memory_store::{MemoryStore, NoLogs};
use support::{FakeDriver, KEY};
use tower::ServiceExt;

const START_MS: i64 = 1_800_000_000_000;

/// The runtime's clock, which the test moves on.
struct VirtualClock(tokio::time::Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(START_MS + i64::try_from(self.0.elapsed().as_millis()).unwrap()).unwrap()
    }
}

struct Engine {
    store: Arc<MemoryStore>,
    driver: Arc<FakeDriver>,
    clock: Arc<VirtualClock>,
    service: Service,
    router: Router,
    ids: Vec<String>,
}

async fn serve(store: &Arc<MemoryStore>, driver: &Arc<FakeDriver>, clock: &Arc<VirtualClock>) -> (Service, Router) {
    let templates = Templates::in_data_dir("/nonexistent".as_ref());
    let (logs, settings) = (Arc::new(NoLogs), Settings::default());
    let service = Service::start(
        ServiceParts { store: store.clone(), logs, driver: driver.clone(), clock: clock.clone(), templates },
        settings,
    )
    .await
    .unwrap();
    let http = HttpConfig {
        api_key: Secret::new(KEY),
        local_authority: "127.0.0.1:1".to_owned(),
        urls: UrlConfig::default(),
        dashboard: true,
        max_connections: 1000,
    };
    let router = sandbar_engine::http::router(service.clone(), http);
    (service, router)
}

impl Engine {
    async fn start() -> Self {
        let (store, driver) = (Arc::<MemoryStore>::default(), Arc::<FakeDriver>::default());
        let clock = Arc::new(VirtualClock(tokio::time::Instant::now()));
        let (service, router) = serve(&store, &driver, &clock).await;
        Self { store, driver, clock, service, router, ids: Vec::new() }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_under(None, method, path, body).await
    }

    async fn call_under(&self, key: Option<&str>, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("x-api-key", KEY);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }

    fn starts_succeed(&self, succeed: bool) {
        let failure = (!succeed).then(|| Diagnostic::new("start_command_failed", "as the test wants it"));
        *self.driver.failure.lock().unwrap() = failure;
        self.driver.starts.add_permits(10);
    }

    /// Lets everything happen that can happen now.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    async fn pass(&self, secs: i64) {
        tokio::time::advance(Duration::from_millis(u64::try_from(secs * 1000 + 7).unwrap())).await;
        self.settle().await;
    }

    fn path(&self, which: usize, action: &str) -> String {
        let id = self.ids.get(which).map_or("sb-never", String::as_str);
        format!("/sandboxes/{id}{action}")
    }

    /// Does it, and gives the answer's status, 0 for what has no answer.
    async fn apply(&mut self, operation: &Operation) -> u16 {
        let status = match *operation {
            Operation::Create { timeout, auto_pause, team, key, starts } => {
                self.starts_succeed(starts);
                let metadata = json!({"team": team.to_string()});
                let body =
                    json!({"timeout": timeout, "autoPause": auto_pause, "metadata": metadata, "waitReady": true});
                let key = key.map(|key| format!("k{key}"));
                let (status, answer) = self.call_under(key.as_deref(), "POST", "/sandboxes", body).await;
                let id = answer["sandboxID"].as_str().map(str::to_owned);
                self.ids.extend(id.filter(|id| !self.ids.contains(id)));
                status
            }
            Operation::Connect { which, timeout, starts } => {
                self.starts_succeed(starts);
                self.call("POST", &self.path(which, "/connect"), json!({"timeout": timeout})).await.0
            }
            Operation::Pause { which } => self.call("POST", &self.path(which, "/pause"), Value::Null).await.0,
            Operation::Refresh { which, duration } => {
                let body = duration.map_or(Value::Null, |duration| json!({"duration": duration}));
                self.call("POST", &self.path(which, "/refreshes"), body).await.0
            }
            Operation::SetTimeout { which, timeout } => {
                self.call("POST", &self.path(which, "/timeout"), json!({"timeout": timeout})).await.0
            }
            Operation::Delete { which } => self.call("DELETE", &self.path(which, ""), Value::Null).await.0,
            Operation::Exit { which } => {
                self.exit(which, None).await;
                0
            }
            Operation::Lose { which, starts } => {
                self.starts_succeed(starts);
                self.exit(which, Some(Diagnostic::new("keeper_lost", "as the test wants it"))).await;
                0
            }
            Operation::Pass { secs } => {
                self.pass(secs).await;
                0
            }
            Operation::Restart { secs, adopts, starts } => {
                self.starts_succeed(starts);
                self.restart(secs, adopts).await;
                0
            }
        };
        self.settle().await;
        status
    }

    async fn exit(&self, which: usize, cause: Option<Diagnostic>) {
        let Some(id) = self.ids.get(which) else { return };
        let Some(spec) = self.driver.running.lock().unwrap().remove(id) else { return };
        let (sandbox_id, status) = (spec.sandbox_id, "signal: 9".to_owned());
        let notice = RuntimeNotice::Exited { sandbox_id, generation: spec.generation, status, cause };
        let notices = self.driver.notices.lock().unwrap().clone().unwrap();
        notices.send(notice).await.unwrap();
    }

    async fn restart(&mut self, secs: i64, adopts: bool) {
        let running = self.driver.running.lock().unwrap().clone();
        self.service.shut_down().await;
        if adopts {
            *self.driver.running.lock().unwrap() = running;
        }
        self.pass(secs).await;
        (self.service, self.router) = serve(&self.store, &self.driver, &self.clock).await;
    }

    /// The engine shows what the model holds, and nothing else runs.
    async fn compare(&self, model: &Model) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.ids.len(), model.created);
        for (which, id) in self.ids.iter().enumerate() {
            let (status, detail) = self.call("GET", &self.path(which, ""), Value::Null).await;
            let Some(expected) = model.sandboxes.get(&which) else {
                prop_assert_eq!(status, 404, "{}: {}", which, detail);
                continue;
            };
            prop_assert_eq!(status, 200, "{}: {:?}", which, expected);
            prop_assert_eq!(detail["state"].as_str(), Some(expected.state.word()), "{}: {}", which, detail);
            let end_at: Timestamp = detail["endAt"].as_str().unwrap().parse().unwrap();
            prop_assert_eq!(end_at.as_millisecond() - START_MS, expected.end_at, "{}: {}", which, detail);
            prop_assert_eq!(&detail["metadata"], &json!({"team": expected.team.to_string()}));
            let runs = expected.state == State::Running;
            prop_assert_eq!(detail["envdUrl"].is_string(), runs, "{}", detail);
            prop_assert_eq!(self.driver.running.lock().unwrap().contains_key(id), runs, "{}", detail);
            let kept = expected.state != State::Deleted;
            prop_assert_eq!(self.driver.files.lock().unwrap().contains(id), kept, "{}", detail);
        }
        self.compare_list(model, "", |one| one.state != State::Deleted).await?;
        self.compare_list(model, "?state=paused&state=deleted", |one| {
            matches!(one.state, State::Paused | State::Deleted)
        })
        .await?;
        self.compare_list(model, "?metadata=team%3D1", |one| one.team == 1 && one.state != State::Deleted).await
    }

    async fn compare_list(
        &self,
        model: &Model,
        query: &str,
        wanted: impl Fn(&model::Sandbox) -> bool,
    ) -> Result<(), TestCaseError> {
        let (_, list) = self.call("GET", &format!("/sandboxes{query}"), Value::Null).await;
        let listed: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["sandboxID"].as_str().unwrap()).collect();
        let expected: Vec<&str> = model
            .sandboxes
            .iter()
            .rev()
            .filter(|(_, one)| wanted(one))
            .map(|(which, _)| self.ids[*which].as_str())
            .collect();
        prop_assert_eq!(listed, expected, "{}", query);
        Ok(())
    }
}

fn operations() -> impl Strategy<Value = Operation> {
    let which = 0..6usize;
    let starts = prop::bool::weighted(0.8);
    let pass = prop_oneof![8 => 0..40i64, 1 => 80_000..90_000i64];
    prop_oneof![
        4 => (1..60i64, any::<bool>(), 0..3u8, starts)
            .prop_map(|(timeout, auto_pause, team, starts)| Operation::Create {
                timeout, auto_pause, team, key: None, starts
            }),
        2 => (30..32i64, any::<bool>(), 0..2u8, starts).prop_map(|(timeout, auto_pause, key, starts)| {
            Operation::Create { timeout, auto_pause, team: 0, key: Some(key), starts }
        }),
        3 => (which.clone(), 0..60i64, starts)
            .prop_map(|(which, timeout, starts)| Operation::Connect { which, timeout, starts }),
        3 => which.clone().prop_map(|which| Operation::Pause { which }),
        2 => (which.clone(), prop::option::of(0..60i64))
            .prop_map(|(which, duration)| Operation::Refresh { which, duration }),
        2 => (which.clone(), 0..60i64).prop_map(|(which, timeout)| Operation::SetTimeout { which, timeout }),
        1 => which.clone().prop_map(|which| Operation::Delete { which }),
        1 => which.clone().prop_map(|which| Operation::Exit { which }),
        1 => (which, starts).prop_map(|(which, starts)| Operation::Lose { which, starts }),
        4 => pass.clone().prop_map(|secs| Operation::Pass { secs }),
        1 => (pass, any::<bool>(), starts).prop_map(|(secs, adopts, starts)| Operation::Restart { secs, adopts, starts }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").map_or(250, |cases| cases.parse().expect("PROPTEST_CASES is a number"))
    ))]

    #[test]
    fn every_history_goes_as_the_contract_says(history in prop::collection::vec(operations(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut engine = Engine::start().await;
            let mut model = Model::default();
            for operation in &history {
                let status = engine.apply(operation).await;
                prop_assert_eq!(status, model.apply(operation), "{:?}", operation);
                engine.compare(&model).await?;
            }
            Ok(())
        })?;
    }
}
