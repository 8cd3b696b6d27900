use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use sandbar_protocol::{CreateOptions, Diagnostic, HeartbeatStatus, InternalState, PhaseStatus, PublicState, Secret};

use super::*;
use crate::clock::after;
use crate::driver::StartReport;
use crate::templates::Template;

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn at(secs: u64) -> Timestamp {
    after(start(), Duration::from_secs(secs))
}

fn created(timeout: u32, auto_pause: bool) -> SandboxRecord {
    let options = CreateOptions { timeout: Some(timeout), auto_pause, ..CreateOptions::default() };
    let new = NewSandbox {
        id: "sb-1".into(),
        token: Secret::new("t1"),
        options,
        template: Template::default(),
        project: None,
    };
    let outcome = SandboxRecord::create(new, start());
    assert_eq!(outcome.effects, [Effect::StartRuntime]);
    outcome.record
}

fn running(timeout: u32, auto_pause: bool) -> SandboxRecord {
    apply(created(timeout, auto_pause), ready(1), start()).record
}

fn apply(record: SandboxRecord, event: Event, now: Timestamp) -> Outcome {
    transition(record, event, now).unwrap()
}

fn connect(timeout_secs: u32) -> Event {
    Event::Connect { timeout_secs, token: Secret::new("t2") }
}

fn ready(generation: u64) -> Event {
    let phases = [("namespaces", 6), ("agent", 2)].map(|(phase, ms)| (phase.to_owned(), Duration::from_millis(ms)));
    Event::RuntimeReady { generation, report: StartReport { warm: false, phases: phases.into() } }
}

fn boom() -> Diagnostic {
    Diagnostic::new("start_command_failed", "boom")
}

fn phases(record: &SandboxRecord) -> Vec<&str> {
    record.timeline.iter().map(|event| event.phase.as_str()).collect()
}

#[test]
fn the_documented_life_leaves_its_timeline() {
    let record = running(1800, false);
    let record = apply(record, connect(1800), at(1)).record;
    let record = apply(record, Event::SetTimeout { timeout_secs: 3600 }, at(2)).record;
    assert_eq!(record.end_at, at(3602));
    let record = apply(record, Event::Refresh { duration_secs: None }, at(3)).record;
    assert_eq!(record.end_at, at(3603));
    let paused = apply(record, Event::Pause, at(4));
    assert_eq!(paused.effects, [Effect::StopRuntime]);
    let paused = apply(paused.record, Event::Stopped, at(5));
    let deleted = apply(paused.record, Event::Delete, at(5));
    assert_eq!(deleted.effects, [Effect::DestroyRuntime]);
    let record = apply(deleted.record, Event::Destroyed, at(5)).record;
    assert_eq!(record.state, InternalState::Destroyed);
    assert_eq!(phases(&record), ["created", "starting", "namespaces", "agent", "ready", "paused", "deleted"]);
    assert!(record.timeline.iter().all(|event| event.status == Some(PhaseStatus::Completed)));
    assert_eq!(record.diagnostic.unwrap().reason, "deleted_by_user");
}

#[test]
fn a_timeline_says_how_long_each_phase_took() {
    let ready = apply(created(10, false), ready(1), at(1)).record;
    let paused = apply(apply(ready, Event::Pause, at(2)).record, Event::Stopped, at(4)).record;
    let resuming = apply(paused, connect(60), at(5)).record;
    let failed = Event::RuntimeFailed { generation: 2, diagnostic: boom() };
    let deleting = apply(apply(resuming, failed, at(8)).record, Event::Delete, at(9)).record;
    let record = apply(deleting, Event::Destroyed, at(10)).record;
    let took: Vec<_> = record.timeline.iter().map(|event| (event.phase.as_str(), event.duration_ms)).collect();
    let expected = [
        ("created", None),
        ("starting", Some(1000.0)),
        ("namespaces", Some(6.0)),
        ("agent", Some(2.0)),
        ("ready", None),
        ("paused", Some(2000.0)),
        ("resuming", Some(3000.0)),
        ("failed", None),
        ("paused", Some(0.0)),
        ("deleted", Some(1000.0)),
    ];
    assert_eq!(took, expected);
    let begun = |index: usize| record.timeline[index].timestamp.unwrap();
    assert_eq!(begun(3), begun(4) - Duration::from_millis(2), "the agent's part ended with its readiness");
    assert_eq!(begun(2), begun(3) - Duration::from_millis(6));
}

#[test]
fn a_start_says_whether_it_was_cold_or_claimed_and_no_part_begins_before_it() {
    let message = |warm| {
        let phases = vec![("claim".to_owned(), Duration::from_secs(9))];
        let report = StartReport { warm, phases };
        let record = apply(created(10, false), Event::RuntimeReady { generation: 1, report }, start()).record;
        assert!(record.timeline.iter().all(|event| event.timestamp == Some(start())));
        record.timeline[1].message.clone().unwrap()
    };
    assert_eq!((message(false).as_str(), message(true).as_str()), ("cold start", "claimed a warm runtime"));
}

#[test]
fn a_pause_that_a_kill_interrupted_is_finished_by_the_next_engine() {
    let pausing = apply(running(10, false), Event::Pause, at(4)).record;
    assert!(pausing.is_unfinished());
    let restarted = Event::EngineRestarted { generation: 1, alive: None, token: Secret::new("t3") };
    let stopping = apply(pausing, restarted, at(5));
    assert_eq!((stopping.record.state, stopping.effects), (InternalState::Stopped, vec![Effect::StopRuntime]));
    assert!(!apply(stopping.record, Event::Stopped, at(5)).record.is_unfinished());
}

#[test]
fn the_end_of_the_ttl_deletes() {
    let outcome = apply(running(10, false), Event::DeadlinePassed, at(10));
    assert_eq!(outcome.effects, [Effect::DestroyRuntime]);
    assert_eq!(outcome.record.state.public(), PublicState::Deleted);
    let diagnostic = outcome.record.diagnostic.unwrap();
    assert_eq!(
        (diagnostic.reason.as_str(), diagnostic.message.as_str()),
        ("ttl", "deleted: its TTL of 10 s has ended")
    );
}

#[test]
fn with_auto_pause_the_end_of_the_ttl_pauses() {
    let outcome = apply(running(10, true), Event::DeadlinePassed, at(10));
    assert_eq!(outcome.effects, [Effect::StopRuntime]);
    assert_eq!(outcome.record.state, InternalState::Stopped);
    assert_eq!(outcome.record.diagnostic.unwrap().reason, "ttl");
}

#[test]
fn a_timer_that_comes_early_changes_nothing() {
    let record = running(10, false);
    let outcome = apply(record.clone(), Event::DeadlinePassed, at(9));
    assert_eq!((outcome.record, outcome.effects), (record, vec![]));
}

#[test]
fn a_paused_sandbox_outlives_its_deadline() {
    let paused = apply(running(10, false), Event::Pause, at(4)).record;
    assert_eq!(paused.deadline(), None);
    let later = apply(paused, Event::DeadlinePassed, at(1_000_000));
    assert_eq!(later.record.state, InternalState::Stopped);
    let resumed = apply(later.record, connect(0), at(2_000_000)).record;
    assert_eq!(resumed.end_at, at(2_000_006), "the TTL went on where it stood");
}

#[test]
fn a_resume_has_a_new_token_and_at_least_the_ttl_asked_for() {
    let paused = apply(running(10, false), Event::Pause, at(4)).record;
    let outcome = apply(paused, connect(300), at(100));
    assert_eq!(outcome.effects, [Effect::StartRuntime]);
    assert_eq!(outcome.record.end_at, at(400));
    assert_eq!((outcome.record.generation, outcome.record.token.expose()), (2, "t2"));
}

#[test]
fn an_auto_paused_sandbox_does_not_end_in_the_moment_of_its_resume() {
    let paused = apply(running(10, true), Event::DeadlinePassed, at(10)).record;
    assert_eq!(apply(paused, connect(0), at(50)).record.end_at, at(60));
}

#[test]
fn connect_never_shortens_and_keeps_the_token() {
    let outcome = apply(running(1800, false), connect(60), at(1));
    assert_eq!(outcome.record.end_at, at(1800));
    assert_eq!(outcome.record.token.expose(), "t1");
    assert_eq!(outcome.effects, []);
}

#[test]
fn pausing_twice_is_one_pause() {
    let paused = apply(apply(running(10, false), Event::Pause, at(4)).record, Event::Stopped, at(4)).record;
    let again = apply(paused.clone(), Event::Pause, at(5));
    assert_eq!((again.record, again.effects), (paused, vec![]));
}

#[test]
fn a_timeout_of_zero_ends_it_now() {
    let outcome = apply(running(10, false), Event::SetTimeout { timeout_secs: 0 }, at(1));
    assert_eq!(outcome.effects, [Effect::DestroyRuntime]);
    let outcome = apply(running(10, true), Event::SetTimeout { timeout_secs: 0 }, at(1));
    assert_eq!(outcome.effects, [Effect::StopRuntime]);
}

#[test]
fn a_failed_first_start_fails_and_is_removed_at_its_deadline() {
    let failed = apply(created(10, false), Event::RuntimeFailed { generation: 1, diagnostic: boom() }, at(1)).record;
    assert_eq!(failed.state, InternalState::Failed);
    assert_eq!(failed.diagnostic.as_ref().unwrap().message, "boom");
    assert_eq!(phases(&failed), ["created", "starting", "failed"]);
    let outcome = apply(failed, Event::DeadlinePassed, at(10));
    assert_eq!(outcome.effects, [Effect::DestroyRuntime]);
    assert_eq!(outcome.record.diagnostic.unwrap().message, "failed, and its TTL has ended: boom");
}

#[test]
fn a_failed_resume_is_paused_again_and_loses_nothing() {
    let paused = apply(running(10, false), Event::Pause, at(4)).record;
    let resuming = apply(paused, connect(300), at(5)).record;
    let outcome = apply(resuming, Event::RuntimeFailed { generation: 2, diagnostic: boom() }, at(6));
    assert_eq!(outcome.record.state, InternalState::Stopped);
    assert_eq!(outcome.record.diagnostic.unwrap().message, "boom");
    assert_eq!(outcome.effects, []);
}

#[test]
fn a_late_word_from_an_earlier_runtime_changes_nothing() {
    let paused = apply(running(10, false), Event::Pause, at(4)).record;
    let resuming = apply(paused.clone(), connect(300), at(5)).record;
    for event in [
        ready(1),
        Event::RuntimeFailed { generation: 1, diagnostic: boom() },
        Event::RuntimeExited { generation: 1, status: "signal: 9".into(), cause: None },
    ] {
        for record in [&paused, &resuming] {
            assert_eq!(&apply(record.clone(), event.clone(), at(6)).record, record);
        }
    }
}

#[test]
fn what_a_state_does_not_allow_is_refused_with_the_way_out() {
    let failed = apply(created(10, false), Event::RuntimeFailed { generation: 1, diagnostic: boom() }, at(1)).record;
    let text = |record: &SandboxRecord, event| transition(record.clone(), event, at(2)).unwrap_err().to_string();
    assert_eq!(
        text(&failed, connect(0)),
        "sandbox sb-1 is failed: its diagnostic says why; delete() it and create a new one"
    );
    let paused = apply(running(10, false), Event::Pause, at(1)).record;
    assert_eq!(
        text(&paused, Event::Refresh { duration_secs: None }),
        "sandbox sb-1 is paused: it has no running TTL; connect({ timeout }) resumes it with a new one"
    );
    let deleted = apply(apply(paused, Event::Delete, at(1)).record, Event::Destroyed, at(1)).record;
    for event in [connect(0), Event::Pause, Event::Delete, Event::SetTimeout { timeout_secs: 1 }] {
        assert_eq!(text(&deleted, event), "sandbox sb-1 is deleted: create a new one");
    }
}

#[test]
fn a_runtime_that_ends_by_itself_fails_with_how() {
    let outcome = apply(
        running(10, false),
        Event::RuntimeExited { generation: 1, status: "signal: 9".into(), cause: None },
        at(1),
    );
    assert_eq!(outcome.record.state, InternalState::Failed);
    assert_eq!(outcome.record.diagnostic.unwrap().message, "its runtime ended by itself (signal: 9)");
}

#[test]
fn a_sandbox_whose_home_is_full_is_paused_and_loses_nothing() {
    let cause = Some(Diagnostic::new("home_full", "its home is full"));
    let full = Event::RuntimeExited { generation: 1, status: "ended by the engine".into(), cause };
    let outcome = apply(running(10, false), full.clone(), at(4));
    assert_eq!((outcome.record.state, outcome.effects), (InternalState::Stopped, vec![]));
    assert_eq!(outcome.record.diagnostic.as_ref().unwrap().reason, "home_full");
    assert_eq!(phases(&outcome.record)[4..], ["ready", "failed", "paused"]);
    assert_eq!(apply(outcome.record, connect(0), at(50)).record.end_at, at(56), "its TTL stood still");
    let first_start = apply(created(10, false), full, at(1)).record;
    assert_eq!(first_start.state, InternalState::Failed, "a template that fills it does so at each start");
}

#[test]
fn a_bad_heartbeat_fails_a_sandbox_and_a_good_one_changes_nothing() {
    let record = running(10, false);
    assert_eq!(apply(record.clone(), Event::Heartbeat(HeartbeatStatus::Healthy), at(1)).record, record);
    let outcome = apply(record, Event::Heartbeat(HeartbeatStatus::Error), at(1));
    assert_eq!((outcome.record.state, outcome.effects), (InternalState::Failed, vec![Effect::StopRuntime]));
}

#[test]
fn a_restarted_engine_starts_what_ran_and_ends_what_is_over() {
    let restart = || Event::EngineRestarted { generation: 1, alive: None, token: Secret::new("t3") };
    let outcome = apply(running(10, false), restart(), at(5));
    assert_eq!((outcome.record.generation, outcome.effects), (2, vec![Effect::StartRuntime]));
    assert_eq!(apply(running(10, false), restart(), at(11)).effects, [Effect::DestroyRuntime]);
    assert_eq!(apply(running(10, true), restart(), at(11)).effects, [Effect::StopRuntime]);
    let deleting = apply(running(10, false), Event::Delete, at(1)).record;
    assert_eq!(apply(deleting, restart(), at(2)).effects, [Effect::DestroyRuntime]);
}

#[test]
fn a_restarted_engine_adopts_the_runtime_of_the_same_start() {
    let restart = |alive| Event::EngineRestarted { generation: 1, alive, token: Secret::new("t3") };
    let adopted = apply(running(10, false), restart(Some(1)), at(5));
    assert_eq!((adopted.record.state, adopted.effects), (InternalState::Active, vec![]));
    assert_eq!((adopted.record.generation, adopted.record.token.expose()), (1, "t1"));
    assert_eq!(phases(&adopted.record).last(), Some(&"adopted"));
    assert_eq!(apply(running(10, false), restart(Some(7)), at(5)).effects, [Effect::StartRuntime], "another start's");
    let ready = apply(created(10, false), restart(Some(1)), at(5));
    assert_eq!((ready.record.state, ready.effects), (InternalState::Active, vec![]), "it became ready unheard");
    assert_eq!(apply(running(10, false), restart(Some(1)), at(11)).effects, [Effect::DestroyRuntime], "it is over");
}

#[test]
fn a_runtime_whose_end_is_told_before_its_readiness_is_not_running() {
    let exited = |generation| Event::RuntimeExited { generation, status: "signal: 9".into(), cause: None };
    let record = apply(created(10, false), exited(1), at(1)).record;
    assert_eq!(record.state, InternalState::Failed);
    assert_eq!(apply(record, ready(1), at(1)).record.state, InternalState::Failed);
    let resuming = apply(apply(running(10, false), Event::Pause, at(1)).record, connect(0), at(2)).record;
    assert_eq!(apply(resuming, exited(2), at(2)).record.state, InternalState::Stopped, "its files are kept");
}

#[test]
fn a_tombstone_has_no_deadline_and_no_secrets() {
    let deleting = apply(running(10, false), Event::Delete, at(1)).record;
    let tombstone = apply(deleting, Event::Destroyed, at(1)).record;
    assert_eq!((tombstone.token.expose(), tombstone.env_vars.len()), ("", 0));
    assert_eq!((tombstone.deadline(), tombstone.tombstone_since()), (None, Some(at(1))));
}

#[test]
fn an_unfinished_stop_is_repeated_until_it_is_done() {
    let pausing = apply(running(10, false), Event::Pause, at(4)).record;
    for event in [Event::EffectsFailed, Event::Pause] {
        let again = apply(pausing.clone(), event, at(5));
        assert_eq!((again.record, again.effects), (pausing.clone(), vec![Effect::StopRuntime]));
    }
    let paused = apply(pausing, Event::Stopped, at(6)).record;
    for event in [Event::EffectsFailed, Event::Pause] {
        assert_eq!(apply(paused.clone(), event, at(7)).effects, []);
    }
}

#[test]
fn a_resume_takes_the_place_of_an_unfinished_stop() {
    let pausing = apply(running(10, false), Event::Pause, at(4)).record;
    let resuming = apply(pausing, connect(0), at(5));
    assert_eq!(resuming.effects, [Effect::StartRuntime], "which ends what still runs");
    assert_eq!(apply(resuming.record.clone(), Event::EffectsFailed, at(6)).effects, []);
    let resumed = apply(resuming.record, ready(2), at(7)).record;
    assert!(!resumed.is_unfinished());
}

#[test]
fn a_removal_is_repeated_by_a_second_delete_until_it_is_done() {
    let deleting = apply(running(10, false), Event::Delete, at(1)).record;
    for event in [Event::EffectsFailed, Event::Delete] {
        let again = apply(deleting.clone(), event, at(2));
        assert_eq!((again.record, again.effects), (deleting.clone(), vec![Effect::DestroyRuntime]));
    }
}

#[test]
fn an_engine_restart_that_is_stored_late_does_not_touch_a_later_start() {
    let paused = apply(apply(running(10, false), Event::Pause, at(1)).record, Event::Stopped, at(1)).record;
    let resumed = apply(apply(paused, connect(0), at(2)).record, ready(2), at(2)).record;
    let late = Event::EngineRestarted { generation: 1, alive: None, token: Secret::new("t3") };
    assert_eq!(apply(resumed.clone(), late, at(3)).record, resumed);
}

fn keeper_lost() -> Diagnostic {
    Diagnostic::new("keeper_lost", "the process that holds the sandboxes has ended")
}

#[test]
fn a_running_sandbox_restarts_with_its_token_when_the_keeper_is_lost() {
    let lost = Event::RuntimeExited { generation: 1, status: "gone".into(), cause: Some(keeper_lost()) };
    let outcome = apply(running(10, false), lost, at(4));
    assert_eq!((outcome.record.state, outcome.effects), (InternalState::Creating, vec![Effect::StartRuntime]));
    assert_eq!((outcome.record.generation, outcome.record.token.expose()), (2, "t1"));
    assert_eq!(outcome.record.end_at, at(10), "its TTL goes on");
    let lost = Event::RuntimeFailed { generation: 2, diagnostic: keeper_lost() };
    let again = apply(outcome.record, lost, at(5)).record;
    assert_eq!(again.state, InternalState::Stopped, "its files are kept");
}

#[test]
fn a_first_start_is_repeated_once_when_its_answer_is_lost() {
    let lost = |generation| Event::RuntimeFailed { generation, diagnostic: keeper_lost() };
    let outcome = apply(created(10, false), lost(1), at(1));
    assert_eq!((outcome.record.state, outcome.effects), (InternalState::Creating, vec![Effect::StartRuntime]));
    let again = apply(outcome.record, lost(2), at(2)).record;
    assert_eq!((again.state, again.diagnostic.unwrap().reason), (InternalState::Stopped, "keeper_lost".to_owned()));
}

#[test]
fn a_sandbox_is_paused_when_its_keeper_is_lost_again_and_again() {
    let lose = |record: SandboxRecord, secs| {
        let (generation, status) = (record.generation, "gone".to_owned());
        apply(record, Event::RuntimeExited { generation, status, cause: Some(keeper_lost()) }, at(secs)).record
    };
    let mut record = running(3600, false);
    for loss in 0..3 {
        record = lose(record, loss * 60);
        assert_eq!(record.state, InternalState::Creating);
        let ready = ready(record.generation);
        record = apply(record, ready, at(loss * 60 + 1)).record;
    }
    let later = lose(record.clone(), 301);
    assert_eq!(later.state, InternalState::Creating, "the first is long ago");
    let paused = lose(record, 180);
    assert_eq!(
        (paused.state, paused.diagnostic.as_ref().unwrap().reason.as_str()),
        (InternalState::Stopped, "keeper_lost")
    );
    assert!(!paused.is_unfinished() && phases(&paused).ends_with(&["paused"]), "{:?}", paused.timeline);
}

fn events() -> impl Strategy<Value = Event> {
    let generation = 1..5u64;
    prop_oneof![
        (0..400u32).prop_map(connect),
        Just(Event::Pause),
        proptest::option::of(0..400u32).prop_map(|duration_secs| Event::Refresh { duration_secs }),
        (0..400u32).prop_map(|timeout_secs| Event::SetTimeout { timeout_secs }),
        Just(Event::Delete),
        Just(Event::DeadlinePassed),
        generation.clone().prop_map(ready),
        generation.clone().prop_map(|generation| Event::RuntimeFailed { generation, diagnostic: boom() }),
        (generation, prop_oneof![Just(None), Just(Some("home_full")), Just(Some("keeper_lost"))]).prop_map(
            |(generation, cause)| Event::RuntimeExited {
                generation,
                status: "exit status: 1".into(),
                cause: cause.map(|reason| Diagnostic::new(reason, "as the test wants it")),
            }
        ),
        Just(Event::Stopped),
        Just(Event::EffectsFailed),
        Just(Event::Heartbeat(HeartbeatStatus::Error)),
        Just(Event::Destroyed),
        (1..5u64, proptest::option::of(1..5u64)).prop_map(|(generation, alive)| Event::EngineRestarted {
            generation,
            alive,
            token: Secret::new("t3")
        }),
    ]
}

proptest! {
    #[test]
    fn any_history_keeps_the_promises(auto_pause: bool, history in proptest::collection::vec((events(), 0..200u64), 0..60)) {
        let mut record = created(100, auto_pause);
        let mut clock = 0;
        for (event, passed) in history {
            clock += passed;
            let now = at(clock);
            let before = record.clone();
            let extends = matches!(event, Event::Connect { .. } | Event::Refresh { .. } | Event::Pause);
            let by_user = matches!(event, Event::Delete | Event::SetTimeout { .. });
            let restarted = matches!(event, Event::EngineRestarted { .. });
            let by_itself = matches!(event, Event::RuntimeExited { .. } | Event::RuntimeFailed { .. });
            let Ok(Outcome { record: after, effects }) = transition(record.clone(), event, now) else {
                // A refusal changes nothing, and only these states refuse.
                prop_assert!(!matches!(before.state, InternalState::Creating | InternalState::Active));
                continue;
            };
            let (was, is) = (before.state.public(), after.state.public());
            prop_assert!(was != PublicState::Deleted || is == PublicState::Deleted, "the deleted stay deleted");
            prop_assert!(!extends || after.end_at >= before.end_at, "nothing that extends shortens");
            prop_assert!(was != PublicState::Paused || is != PublicState::Deleted || by_user, "nothing deletes the paused");
            let live = |record: &SandboxRecord| matches!(record.state, InternalState::Creating | InternalState::Active);
            let starts = effects.contains(&Effect::StartRuntime);
            let ends = effects.contains(&Effect::StopRuntime) || effects.contains(&Effect::DestroyRuntime);
            prop_assert!(!starts || after.generation == before.generation + 1, "each start has its own generation");
            prop_assert!(!starts || !live(&before) || restarted || by_itself, "no second runtime beside the first");
            prop_assert!(!(live(&before) && matches!(is, PublicState::Paused | PublicState::Deleted)) || ends
                || by_itself, "no runtime is left behind");
            prop_assert!(live(&after) == after.deadline().is_some() || matches!(after.state, InternalState::Failed | InternalState::Destroyed));
            let unfinished = after.timeline.iter().filter(|one| one.status == Some(PhaseStatus::InProgress)).count();
            prop_assert!(unfinished <= 1, "one thing at a time");
            prop_assert!(after.timeline.len() <= 100);
            prop_assert!(after.timeline[0].phase == "created");
            record = after;
        }
    }
}
