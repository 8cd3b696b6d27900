//! Many who wait for sandboxes at once: held by the service, told by its list, or each for itself.

use std::time::Duration;

use futures_util::future::join_all;
use sandbar_client::{
    Answer, CallOptions, Client, ClientError, ClientOptions, Config, Environment, Onlooker, TraceContext,
};
use sandbar_protocol::{PublicState, Sandbox, Secret};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::fleet::{Fleet, List};
use crate::service::KEY;

type Outcome = Result<Answer<Sandbox>, ClientError>;

const CALL: CallOptions = CallOptions::new();

/// Waits for sandboxes by their numbers, each in a task of its own.
fn wait_for(client: &Client, numbers: std::ops::Range<usize>) -> Vec<JoinHandle<Outcome>> {
    let wait = |number| {
        let client = client.clone();
        tokio::spawn(async move { client.wait_ready(&format!("sb-{number}"), CALL).await })
    };
    numbers.map(wait).collect()
}

/// How long all take from now on to be told that they are usable.
async fn all_usable(waits: Vec<JoinHandle<Outcome>>) -> Duration {
    let begun = Instant::now();
    for outcome in join_all(waits).await {
        assert_eq!(outcome.unwrap().unwrap().value.state, Some(PublicState::Running));
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_look_at_the_list_and_not_each_at_its_sandbox() {
    let fleet = Fleet::start(150, List::Honest).await;
    let waits = wait_for(&fleet.client(), 0..150);
    sleep(Duration::from_secs(5)).await;
    assert!(fleet.looks() < 40, "{} looks at what the list says is starting", fleet.looks());
    assert!(fleet.lists() > 100, "{}", fleet.lists());
    fleet.set_all("running");
    let lag = all_usable(waits).await;
    assert!(lag < Duration::from_millis(200), "{lag:?}");
    assert!(fleet.looks() < 190, "{}", fleet.looks());
    let lists = fleet.lists();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(fleet.lists(), lists, "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn a_few_who_wait_do_not_read_the_list() {
    let fleet = Fleet::start(8, List::Honest).await;
    let waits = wait_for(&fleet.client(), 0..8);
    sleep(Duration::from_secs(5)).await;
    fleet.set_all("running");
    assert!(all_usable(waits).await < Duration::from_secs(1));
    assert_eq!(fleet.lists(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_becomes_usable_after_the_other() {
    let fleet = Fleet::start(60, List::Honest).await;
    let client = fleet.client();
    for (number, wait) in wait_for(&client, 0..60).into_iter().enumerate() {
        sleep(Duration::from_millis(200)).await;
        fleet.set(&format!("sb-{number}"), "running");
        let lag = all_usable(vec![wait]).await;
        assert!(lag <= Duration::from_millis(1_900), "{number}: {lag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_or_a_delete_ends_the_wait_of_one_among_many() {
    for state in ["failed", "deleted", "paused"] {
        let fleet = Fleet::start(40, List::Honest).await;
        let mut waits = wait_for(&fleet.client(), 0..40);
        sleep(Duration::from_secs(2)).await;
        fleet.set("sb-0", state);
        match waits.remove(0).await.unwrap().unwrap_err() {
            ClientError::NotReady(error) => assert_eq!(error.state, Some(PublicState::from(state))),
            other => panic!("{other:?}"),
        }
        fleet.set_all("running");
        all_usable(waits).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_no_help_only_costs_looks() {
    let lists = [
        List::Unfiltered,
        List::OwnPages(20),
        List::Empty,
        List::Crowded,
        List::Broken,
        List::Refused(404),
        List::Refused(503),
    ];
    for list in lists {
        let fleet = Fleet::start(50, list).await;
        let waits = wait_for(&fleet.client(), 0..50);
        sleep(Duration::from_secs(8)).await;
        fleet.set_all("running");
        let lag = all_usable(waits).await;
        assert!(lag < Duration::from_millis(3_800), "{list:?}: {lag:?}");
        // Alone, everybody would have looked 62 times or so.
        assert!(fleet.looks() < 50 * 75, "{list:?}: {}", fleet.looks());
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lags_behind_is_doubted() {
    let fleet = Fleet::start(30, List::Stale).await;
    let waits = wait_for(&fleet.client(), 0..30);
    sleep(Duration::from_secs(1)).await;
    fleet.set_all("running");
    let lag = all_usable(waits).await;
    assert!(lag < Duration::from_secs(13), "{lag:?}");
}

#[tokio::test(start_paused = true)]
async fn where_the_service_holds_looks_nobody_reads_the_list() {
    let fleet = Fleet::start_holding(200).await;
    let waits = wait_for(&fleet.client(), 0..200);
    sleep(Duration::from_secs(30)).await;
    let (looks, lists) = (fleet.looks(), fleet.lists());
    assert!(looks <= 3 * 200, "{looks}");
    let begun = Instant::now();
    fleet.set_all("running");
    assert!(all_usable(waits).await < Duration::from_millis(20), "{:?}", begun.elapsed());
    assert_eq!(fleet.looks(), looks, "what was held is the answer");
    // Until the first answer, nobody knows that.
    assert!(lists < 300, "{lists}");
    let prefer: Vec<_> = fleet.asked().into_iter().filter_map(|asked| asked.prefer).collect();
    assert_eq!((prefer[0].as_str(), prefer.last().unwrap().as_str()), ("wait=1", "wait=20"));
}

#[tokio::test(start_paused = true)]
async fn more_than_it_holds_read_the_list_and_all_are_told() {
    let fleet = Fleet::start_holding(400).await;
    let waits = wait_for(&fleet.client(), 0..400);
    sleep(Duration::from_secs(3)).await;
    let looks = fleet.looks();
    assert!((256..300).contains(&looks), "{looks}");
    fleet.set_all("running");
    let lag = all_usable(waits).await;
    assert!(lag < Duration::from_millis(200), "{lag:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_hold_is_asked_once() {
    let fleet = Fleet::start(1, List::Honest).await;
    let waits = wait_for(&fleet.client(), 0..1);
    sleep(Duration::from_secs(5)).await;
    fleet.set_all("running");
    assert!(all_usable(waits).await < Duration::from_secs(1));
    let prefer: Vec<_> = fleet.asked().into_iter().map(|asked| asked.prefer).collect();
    assert_eq!(prefer[0].as_deref(), Some("wait=1"));
    assert!(prefer.len() > 10 && prefer[1..].iter().all(Option::is_none), "{prefer:?}");
}

#[tokio::test(start_paused = true)]
async fn no_look_is_held_for_longer_than_its_request_may_take() {
    let fleet = Fleet::start_holding(1).await;
    let call = CallOptions { request_timeout: Some(Duration::from_secs(5)), ..CALL };
    let client = fleet.client();
    let wait = tokio::spawn(async move { client.wait_ready("sb-0", call).await });
    sleep(Duration::from_secs(20)).await;
    fleet.set_all("running");
    all_usable(vec![wait]).await;
    let prefer: Vec<_> = fleet.asked().into_iter().filter_map(|asked| asked.prefer).collect();
    assert_eq!(prefer, ["wait=1", "wait=4", "wait=4", "wait=4", "wait=4", "wait=4"]);
}

#[tokio::test(start_paused = true)]
async fn before_an_onlooker_every_look_is_answered_at_once() {
    let fleet = Fleet::start_holding(20).await;
    let client = fleet.client();
    let waits = (0..20).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let (onlooker, progress) = Onlooker::with_progress();
            let outcome = client.wait_ready_seen(&format!("sb-{number}"), &onlooker, CALL).await;
            drop(progress);
            outcome
        })
    });
    let waits = waits.collect();
    sleep(Duration::from_secs(3)).await;
    fleet.set_all("running");
    all_usable(waits).await;
    assert!(fleet.asked().iter().all(|asked| asked.prefer.is_none()));
    assert_eq!(fleet.lists(), 0);
}

#[tokio::test(start_paused = true)]
async fn everybody_has_a_time_limit_of_its_own() {
    let fleet = Fleet::start(40, List::Honest).await;
    let client = fleet.client();
    let wait = |number: u64| {
        let client = client.clone();
        let limit = Duration::from_millis(1_000 + 100 * number);
        tokio::spawn(async move {
            let begun = Instant::now();
            let call = CallOptions { ready_timeout: Some(limit), ..CALL };
            let error = client.wait_ready(&format!("sb-{number}"), call).await.unwrap_err();
            (begun.elapsed().saturating_sub(limit), error.to_string())
        })
    };
    for outcome in join_all((0..40).map(wait)).await {
        let (late, message) = outcome.unwrap();
        assert!(late <= Duration::from_millis(2), "{late:?}");
        assert!(message.contains(" s (state starting"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_disturbs_nobody_and_leaves_nothing_running() {
    let fleet = Fleet::start(60, List::Honest).await;
    let mut waits = wait_for(&fleet.client(), 0..60);
    sleep(Duration::from_secs(2)).await;
    let left: Vec<_> = waits.drain(30..).collect();
    left.iter().for_each(JoinHandle::abort);
    join_all(left).await;
    sleep(Duration::from_secs(2)).await;
    fleet.set("sb-0", "running");
    assert!(all_usable(vec![waits.remove(0)]).await < Duration::from_secs(1));
    waits.iter().for_each(JoinHandle::abort);
    join_all(waits).await;
    let asked = fleet.asked().len();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(fleet.asked().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn two_who_wait_for_the_same_sandbox_are_both_told() {
    let fleet = Fleet::start(20, List::Honest).await;
    let client = fleet.client();
    let mut waits = wait_for(&client, 0..20);
    waits.extend(wait_for(&client, 0..20));
    sleep(Duration::from_secs(2)).await;
    fleet.set_all("running");
    assert!(all_usable(waits).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_client_asks_with_the_headers_of_another() {
    let fleet = Fleet::start(40, List::Honest).await;
    let of_team = |team: &str| {
        let options = ClientOptions {
            base_url: Some(fleet.url().to_owned()),
            api_key: Some(Secret::new(KEY)),
            headers: vec![("x-team".to_owned(), Secret::new(team))],
            ..ClientOptions::default()
        };
        Client::shared(Config::new(&options, &Environment::default()).unwrap())
    };
    let mut waits = wait_for(&of_team("a"), 0..20);
    waits.extend(wait_for(&of_team("b"), 20..25));
    sleep(Duration::from_secs(2)).await;
    let lists: Vec<_> = fleet.asked().into_iter().filter(|asked| asked.about.is_none()).collect();
    assert!(!lists.is_empty() && lists.iter().all(|asked| asked.team.as_deref() == Some("a")), "b are a few");
    fleet.set_all("running");
    all_usable(waits).await;
    for asked in fleet.asked() {
        let Some(id) = asked.about else { continue };
        let number: usize = id.trim_start_matches("sb-").parse().unwrap();
        assert_eq!(asked.team.as_deref(), Some(if number < 20 { "a" } else { "b" }), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_different_traces_share_a_list_that_is_of_none() {
    let fleet = Fleet::start(40, List::Honest).await;
    let client = fleet.client();
    let traced = |number: usize| {
        let traceparent = format!("00-{number:032x}-00f067aa0ba902b7-01");
        client.clone().within(&TraceContext { traceparent, tracestate: String::new() })
    };
    let waits: Vec<_> = (0..40).flat_map(|number| wait_for(&traced(number), number..number + 1)).collect();
    sleep(Duration::from_secs(2)).await;
    fleet.set_all("running");
    all_usable(waits).await;
    assert!(fleet.lists() > 10);
    assert!(fleet.asked().iter().all(|asked| asked.is_traced == asked.about.is_some()));
}
