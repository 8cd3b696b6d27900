//! What the engine has acknowledged.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sandbar_client::{ClientError, ErrorRecord};
use sandbar_protocol::PublicState;

/// No call may take longer, whatever happens: the engine holds a create for 30 s, and promises less for all others.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// What a client may rely on of one sandbox.
#[derive(Clone, Debug)]
pub struct Known {
    /// The state that was acknowledged, and those that a call without an answer may have led to.
    pub states: Vec<PublicState>,
    /// Whether its file was written.
    pub marked: bool,
    /// Whether its folders are nested so deeply that its home can't be measured, for which it is paused.
    pub deep: bool,
    /// Set on sandboxes with a short TTL: when it ends, by the engine's clock, and what they are then.
    pub expires: Option<(jiff::Timestamp, PublicState)>,
}

#[derive(Default)]
pub struct Ledger {
    known: Mutex<BTreeMap<String, Known>>,
    calls: Mutex<BTreeMap<&'static str, Calls>>,
}

#[derive(Default)]
struct Calls {
    done: u64,
    errors: BTreeMap<String, u64>,
    longest: Duration,
}

impl Ledger {
    pub fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap()
    }

    pub fn add(&self, id: &str, known: Known) {
        self.known().insert(id.to_owned(), known);
    }

    pub fn forget(&self, id: &str) {
        self.known().remove(id);
    }

    pub fn change(&self, id: &str, change: impl FnOnce(&mut Known)) {
        change(self.known().get_mut(id).unwrap());
    }

    /// A call that leads to a state: both count until it is answered.
    pub async fn leads_to<T>(
        &self,
        id: &str,
        state: PublicState,
        name: &'static str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Option<T> {
        self.change(id, |known| known.states.push(state.clone()));
        let answer = self.count(name, call).await?;
        self.change(id, |known| known.states = vec![state]);
        Some(answer)
    }

    /// A call: how long it takes is bounded, and some errors would be lies.
    pub async fn count<T>(&self, name: &'static str, call: impl Future<Output = Result<T, ClientError>>) -> Option<T> {
        let begun = Instant::now();
        let outcome = call.await;
        let took = begun.elapsed();
        assert!(took < CALL_LIMIT, "{name} took {took:?}: {:?}", outcome.as_ref().err());
        let mut calls = self.calls.lock().unwrap();
        let calls = calls.entry(name).or_default();
        calls.longest = calls.longest.max(took);
        match outcome {
            Ok(answer) => {
                calls.done += 1;
                Some(answer)
            }
            Err(error) => {
                let record = ErrorRecord::from(&error);
                let kind = record.code.clone().unwrap_or_else(|| record.kind.to_owned());
                let mut lies = vec!["authentication", "permission", "validation", "redirect", "invalid_request"];
                // The TTL of what is created may end while the call waits for it.
                lies.extend((name != "create").then_some("not_found"));
                assert!(!lies.contains(&record.kind), "{name}: {error}");
                *calls.errors.entry(kind).or_default() += 1;
                None
            }
        }
    }

    pub fn summary(&self) -> String {
        let mut text = String::new();
        for (name, Calls { done, errors, longest }) in &*self.calls.lock().unwrap() {
            let _ = writeln!(text, "{name}: {done} done, longest {longest:.1?}, errors {errors:?}");
        }
        let _ = write!(text, "{} sandboxes are as acknowledged", self.known().len());
        text
    }
}
