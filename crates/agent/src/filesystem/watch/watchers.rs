use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::WatchRequest;
use super::event::Event;
use super::folder::WatchedFolder;
use crate::connect::Unary;
use crate::paths::resolve;
use crate::problem::Problem;
use crate::server::Agent;

const MAX_WATCHERS: usize = 16;
/// What is kept for a caller who does not ask; the oldest go first.
const MAX_EVENTS: usize = 10_000;
/// A watcher that nobody has asked for so long makes room for another.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// The watchers whose events are kept until they are asked for.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    by_id: Arc<Mutex<HashMap<String, Watcher>>>,
}

struct Watcher {
    kept: Arc<Mutex<Kept>>,
    task: JoinHandle<()>,
    last_asked: Instant,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    lost: u64,
    /// Why there will be no more.
    end: Option<Problem>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateWatcherResponse {
    watcher_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WatcherEventsRequest {
    watcher_id: String,
    /// The most events of the answer; 0 and none are all.
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(crate) struct WatcherEventsResponse {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemoveWatcherRequest {
    watcher_id: String,
}

/// POST /filesystem.Filesystem/CreateWatcher
pub(crate) async fn create_watcher(
    State(agent): State<Agent>,
    Unary(request): Unary<WatchRequest>,
) -> Result<Json<CreateWatcherResponse>, Problem> {
    let path = resolve(&request.path, &agent.environment)?;
    let folder = WatchedFolder::begin(path.clone(), request.recursive.unwrap_or_default()).await?;
    agent.watchers.add(folder, path).map(|watcher_id| Json(CreateWatcherResponse { watcher_id }))
}

/// POST /filesystem.Filesystem/GetWatcherEvents
pub(crate) async fn get_watcher_events(
    State(agent): State<Agent>,
    Unary(request): Unary<WatcherEventsRequest>,
) -> Result<Json<WatcherEventsResponse>, Problem> {
    let limit = request.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    agent.watchers.take(&request.watcher_id, limit).map(|events| Json(WatcherEventsResponse { events }))
}

/// POST /filesystem.Filesystem/RemoveWatcher
pub(crate) async fn remove_watcher(
    State(agent): State<Agent>,
    Unary(request): Unary<RemoveWatcherRequest>,
) -> Result<Json<Value>, Problem> {
    let removed = agent.watchers.lock().remove(&request.watcher_id);
    removed.map(|_| Json(json!({}))).ok_or_else(|| unknown(&request.watcher_id))
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Watcher>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, folder: WatchedFolder, path: PathBuf) -> Result<String, Problem> {
        let mut by_id = self.lock();
        if by_id.len() >= MAX_WATCHERS {
            let oldest = by_id.iter().min_by_key(|(_, watcher)| watcher.last_asked);
            let forgotten = oldest.filter(|(_, watcher)| watcher.last_asked.elapsed() >= FORGOTTEN);
            let Some(id) = forgotten.map(|(id, _)| id.clone()) else {
                return Err(Problem::precondition(format!(
                    "there are {MAX_WATCHERS} watchers already: remove one by RemoveWatcher"
                )));
            };
            by_id.remove(&id);
        }
        // An ID of before a pause must not come again, and the clock goes on.
        let mut number = Timestamp::now().as_nanosecond();
        while by_id.contains_key(&format!("watcher-{number:x}")) {
            number += 1;
        }
        let id = format!("watcher-{number:x}");
        let kept = Arc::<Mutex<Kept>>::default();
        let task = tokio::spawn(keep(folder, path, kept.clone()));
        by_id.insert(id.clone(), Watcher { kept, task, last_asked: Instant::now() });
        Ok(id)
    }

    /// Takes the oldest events out.
    fn take(&self, id: &str, limit: usize) -> Result<Vec<Event>, Problem> {
        let mut by_id = self.lock();
        let watcher = by_id.get_mut(id).ok_or_else(|| unknown(id))?;
        watcher.last_asked = Instant::now();
        let mut kept = watcher.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut kept.lost);
        if lost > 0 {
            return Err(Problem::data_loss(format!(
                "the {lost} oldest events of watcher {id} were not asked for in time and are lost: look at the folder; the next call tells those after them"
            )));
        }
        match &kept.end {
            Some(end) if kept.events.is_empty() => Err(end.clone()),
            _ => {
                let count = limit.min(kept.events.len());
                Ok(kept.events.drain(..count).collect())
            }
        }
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no watcher {id:?}: it was removed, or the sandbox was paused meanwhile"))
}

/// Keeps what happens until the folder is gone.
async fn keep(mut folder: WatchedFolder, path: PathBuf, kept: Arc<Mutex<Kept>>) {
    loop {
        let next = folder.next().await;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match next {
            Ok(Some(events)) => {
                kept.events.extend(events);
                let surplus = kept.events.len().saturating_sub(MAX_EVENTS);
                kept.events.drain(..surplus);
                kept.lost += surplus as u64;
            }
            Ok(None) => {
                let path = path.display();
                kept.end =
                    Some(Problem::precondition(format!("{path} is gone, and its watcher tells no more: remove it")));
                return;
            }
            Err(problem) => {
                kept.end = Some(problem);
                return;
            }
        }
    }
}
