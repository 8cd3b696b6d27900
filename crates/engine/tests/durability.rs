//! What happens when stores and drivers fail half way: nothing is lost, and everything is finished later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use sandbar_engine::driver::RuntimeNotice;
use sandbar_protocol::Diagnostic;
use serde_json::{Value, json};
use support::memory_store::MemoryStore;
use support::{FakeDriver, TestEngine};

/// More than the longest wait between two attempts.
const LAST_WAIT: Duration = Duration::from_secs(20);

struct Scene {
    store: Arc<MemoryStore>,
    driver: Arc<FakeDriver>,
    engine: TestEngine,
}

impl Scene {
    async fn start() -> Self {
        let (store, driver) = (Arc::<MemoryStore>::default(), Arc::<FakeDriver>::default());
        let engine = TestEngine::start_on_parts(store.clone(), driver.clone()).await;
        Self { store, driver, engine }
    }

    /// The next engine, on the same store and driver.
    async fn restart(&mut self) {
        self.engine = TestEngine::start_on_parts(self.store.clone(), self.driver.clone()).await;
    }

    async fn detail(&self, id: &str) -> Value {
        self.engine.get(&format!("/sandboxes/{id}")).await.json
    }

    async fn pause(&self, id: &str) -> StatusCode {
        self.engine.post(&format!("/sandboxes/{id}/pause"), Value::Null).await.status
    }

    async fn delete(&self, id: &str) -> support::Answer {
        self.engine.call("DELETE", &format!("/sandboxes/{id}"), Value::Null).await
    }

    async fn heartbeat(&self, id: &str) {
        let answer = self.engine.post(&format!("/sandboxes/{id}/heartbeat"), json!({"status": "healthy"})).await;
        assert_eq!(answer.status, StatusCode::OK);
    }

    async fn exit(&self, id: &str) {
        let spec = self.driver.running.lock().unwrap().remove(id).unwrap();
        let (sandbox_id, status) = (spec.sandbox_id, "signal: 9".to_owned());
        let notice = RuntimeNotice::Exited { sandbox_id, generation: spec.generation, status, cause: None };
        let notices = self.driver.notices.lock().unwrap().clone().unwrap();
        notices.send(notice).await.unwrap();
    }

    fn lock_store(&self, locked: bool) {
        self.store.locked.store(locked, Ordering::Relaxed);
    }

    fn stops_fail(&self, reason: Option<&str>) {
        *self.driver.stop_failure.lock().unwrap() = reason.map(because);
    }

    fn removals_fail(&self, reason: Option<&str>) {
        *self.driver.destroy_failure.lock().unwrap() = reason.map(because);
    }

    fn has_files(&self, id: &str) -> bool {
        self.driver.files.lock().unwrap().contains(id)
    }

    fn runs(&self, id: &str) -> bool {
        self.driver.running.lock().unwrap().contains_key(id)
    }
}

fn because(reason: &str) -> Diagnostic {
    Diagnostic::new(reason, "as the test wants it")
}

/// The status of the latest entry of a phase.
fn status<'a>(detail: &'a Value, phase: &str) -> &'a str {
    let timeline = detail["timeline"].as_array().unwrap();
    timeline.iter().rfind(|entry| entry["phase"] == phase).unwrap()["status"].as_str().unwrap()
}

/// Lets time pass: the paused clock goes on when nothing else is to do.
async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[tokio::test(start_paused = true)]
async fn pause_stays_paused_and_is_finished_when_the_answer_of_its_stop_is_lost() {
    for reason in ["keeper_lost", "keeper_silent", "shutting_down"] {
        let scene = Scene::start().await;
        let id = scene.engine.running(json!({})).await;
        scene.stops_fail(Some(reason));
        assert_eq!(scene.pause(&id).await, StatusCode::INTERNAL_SERVER_ERROR);
        pass(LAST_WAIT).await;
        let detail = scene.detail(&id).await;
        assert_eq!((detail["state"].as_str(), status(&detail, "paused")), (Some("paused"), "in_progress"));
        scene.stops_fail(None);
        pass(LAST_WAIT).await;
        assert!(!scene.runs(&id));
        assert_eq!(status(&scene.detail(&id).await, "paused"), "completed");
    }
}

#[tokio::test(start_paused = true)]
async fn second_pause_answers_for_the_stop_that_failed() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.stops_fail(Some("keeper_silent"));
    for _ in 0..2 {
        assert_eq!(scene.pause(&id).await, StatusCode::INTERNAL_SERVER_ERROR);
    }
    scene.stops_fail(None);
    assert_eq!(scene.pause(&id).await, StatusCode::NO_CONTENT);
    assert!(!scene.runs(&id));
}

#[tokio::test(start_paused = true)]
async fn pause_is_finished_by_the_next_engine_when_a_shutdown_interrupts_it() {
    let mut scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.driver.stops.forget_permits(1000);
    let (answer, ()) = tokio::join!(scene.pause(&id), async {
        while status(&scene.detail(&id).await, "ready") == "completed" && scene.detail(&id).await["state"] != "paused" {
            tokio::task::yield_now().await;
        }
        scene.engine.service.shut_down().await;
    });
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    scene.driver.stops.add_permits(1);
    scene.restart().await;
    let detail = scene.detail(&id).await;
    assert_eq!((detail["state"].as_str(), status(&detail, "paused")), (Some("paused"), "completed"));
    assert!(scene.has_files(&id));
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_a_pause_under_way() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.driver.stops.forget_permits(1000);
    let (answer, (), ()) = tokio::join!(
        scene.pause(&id),
        async {
            while scene.detail(&id).await["state"] != "paused" {
                tokio::task::yield_now().await;
            }
            scene.engine.service.shut_down().await;
        },
        async {
            pass(Duration::from_secs(1)).await;
            scene.driver.stops.add_permits(1);
        }
    );
    assert_eq!(answer, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn auto_pause_keeps_the_files_when_its_stop_fails() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 10, "autoPause": true})).await;
    scene.stops_fail(Some("keeper_silent"));
    pass(Duration::from_secs(60)).await;
    let detail = scene.detail(&id).await;
    assert_eq!((detail["state"].as_str(), status(&detail, "paused")), (Some("paused"), "in_progress"));
    scene.stops_fail(None);
    pass(LAST_WAIT).await;
    assert_eq!(status(&scene.detail(&id).await, "paused"), "completed");
    assert!(scene.has_files(&id) && !scene.runs(&id));
}

#[tokio::test(start_paused = true)]
async fn resume_succeeds_when_the_stop_before_it_failed() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.stops_fail(Some("keeper_silent"));
    scene.pause(&id).await;
    let answer = scene.engine.post(&format!("/sandboxes/{id}/connect"), json!({})).await;
    assert_eq!((answer.status, answer.text("state")), (StatusCode::CREATED, "running"));
    scene.stops_fail(None);
    pass(LAST_WAIT).await;
    assert!(scene.runs(&id), "the stop is superseded");
}

#[tokio::test(start_paused = true)]
async fn deadline_is_acted_on_when_the_store_can_be_written_again() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 10})).await;
    let paused = scene.engine.running(json!({"timeout": 10, "autoPause": true})).await;
    scene.lock_store(true);
    for _ in 0..30 {
        pass(Duration::from_secs(1)).await;
        // It changes nothing, and sets the deadline again.
        scene.heartbeat(&id).await;
    }
    assert_eq!(scene.detail(&id).await["state"], "running");
    scene.lock_store(false);
    pass(LAST_WAIT).await;
    assert_eq!(scene.detail(&id).await["state"], "deleted");
    assert!(!scene.has_files(&id));
    assert_eq!(scene.detail(&paused).await["state"], "paused");
}

#[tokio::test(start_paused = true)]
async fn exit_is_recorded_when_the_store_can_be_written_again() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 3600})).await;
    scene.lock_store(true);
    scene.exit(&id).await;
    pass(Duration::from_secs(60)).await;
    scene.lock_store(false);
    pass(LAST_WAIT).await;
    let detail = scene.detail(&id).await;
    assert_eq!((&detail["state"], &detail["diagnostic"]["reason"]), (&json!("failed"), &json!("runtime_exited")));
}

#[tokio::test(start_paused = true)]
async fn readiness_is_recorded_when_the_store_can_be_written_again() {
    let scene = Scene::start().await;
    scene.driver.starts.forget_permits(1000);
    let id = scene.engine.post("/sandboxes", json!({"timeout": 3600})).await.text("sandboxID").to_owned();
    scene.lock_store(true);
    scene.driver.starts.add_permits(1);
    pass(Duration::from_secs(60)).await;
    assert_eq!(scene.detail(&id).await["state"], "starting");
    scene.lock_store(false);
    pass(LAST_WAIT).await;
    assert_eq!(scene.detail(&id).await["state"], "running");
}

#[tokio::test(start_paused = true)]
async fn end_of_a_pause_is_recorded_when_the_store_can_be_written_again() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 3600})).await;
    scene.driver.stops.forget_permits(1000);
    let (answer, ()) = tokio::join!(scene.pause(&id), async {
        while scene.detail(&id).await["state"] != "paused" {
            tokio::task::yield_now().await;
        }
        scene.lock_store(true);
        scene.driver.stops.add_permits(1000);
    });
    assert_eq!(answer, StatusCode::INTERNAL_SERVER_ERROR);
    scene.lock_store(false);
    pass(LAST_WAIT).await;
    assert_eq!(status(&scene.detail(&id).await, "paused"), "completed");
}

#[tokio::test(start_paused = true)]
async fn removal_is_repeated_although_other_events_change_nothing() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.removals_fail(Some("disk_error"));
    assert_eq!(scene.delete(&id).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    scene.heartbeat(&id).await;
    scene.removals_fail(None);
    pass(LAST_WAIT).await;
    assert!(!scene.has_files(&id));
    assert_eq!(status(&scene.detail(&id).await, "deleted"), "completed");
}

#[tokio::test(start_paused = true)]
async fn second_delete_removes_what_the_first_one_left() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({})).await;
    scene.removals_fail(Some("disk_error"));
    for _ in 0..2 {
        let answer = scene.delete(&id).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.json["details"]["diagnostic"]["reason"], "disk_error");
        assert_eq!(scene.detail(&id).await["state"], "deleted");
    }
    scene.removals_fail(None);
    assert_eq!(scene.delete(&id).await.status, StatusCode::NO_CONTENT);
    assert!(!scene.has_files(&id));
    assert_eq!(scene.delete(&id).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn restarted_engine_acts_on_its_records_when_the_store_can_be_written_again() {
    let mut scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 3600})).await;
    scene.engine.service.shut_down().await;
    scene.lock_store(true);
    scene.restart().await;
    assert!(!scene.runs(&id));
    scene.lock_store(false);
    pass(LAST_WAIT).await;
    assert_eq!(scene.detail(&id).await["state"], "running");
    assert!(scene.runs(&id));
}

#[tokio::test(start_paused = true)]
async fn sandbox_ends_within_two_seconds_when_the_clock_is_set_past_its_deadline() {
    let scene = Scene::start().await;
    let id = scene.engine.running(json!({"timeout": 3600})).await;
    scene.engine.clock.advance(Duration::from_secs(3 * 3600));
    pass(Duration::from_secs(2)).await;
    assert_eq!(scene.detail(&id).await["state"], "deleted");
}
