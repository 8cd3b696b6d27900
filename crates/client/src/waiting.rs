//! All who wait for sandboxes at one service, and what its list says about them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::Client;
use crate::context::Context;
use crate::pauses::jittered;
use crate::roll_call::roll_calls;

/// Up to this many look for themselves; more share the pages of the list.
const FEW: usize = 8;
/// A list may lag behind: what it says is doubted after this.
const TRUSTED: Duration = Duration::from_secs(10);
/// A list that changes while it is read may miss a sandbox: how often in one wait that costs nothing but a look.
const FORGIVEN: u32 = 3;

/// The groups of those who wait. What is asked for them all goes out with the headers that they have in common, so a group
/// is of one context.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Vec<Arc<Group>>>);

/// Those who wait with the same context.
pub(crate) struct Group {
    context: Context,
    members: Mutex<Members>,
    /// Whether they are more than a few.
    many: watch::Sender<bool>,
}

#[derive(Default)]
struct Members {
    by_sandbox: HashMap<String, Member>,
    count: usize,
    round: u64,
    /// Whether the list is read for them.
    called: bool,
    /// Whether it could not be read the last time.
    lost: bool,
}

/// A sandbox that is waited for.
struct Member {
    since: Instant,
    /// The last round that it was seen in, or had to miss.
    round: u64,
    shown: watch::Sender<Shown>,
}

/// What the list says of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Nobody reads the list, or can.
    Unknown,
    /// It is starting: there is nothing to see.
    Starting,
    /// It is not among those that are starting.
    Otherwise,
}

impl Waiting {
    /// Takes a seat among those who wait with the client's context.
    pub(crate) fn enter(&self, client: &Client, sandbox_id: &str) -> Seat {
        let context = client.transport().context.outside_traces();
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = groups.iter().find(|group| group.context.is_same(&context)).cloned();
        let group = known.unwrap_or_else(|| {
            groups.retain(|group| group.members().count > 0);
            let group = Arc::new(Group { context, members: Mutex::default(), many: watch::Sender::new(false) });
            groups.push(Arc::clone(&group));
            group
        });
        group.enter(client, sandbox_id)
    }
}

impl Group {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: Arc<Self>, client: &Client, sandbox_id: &str) -> Seat {
        let mut members = self.members();
        members.count += 1;
        let Members { round, called, lost, .. } = *members;
        let member = members.by_sandbox.entry(sandbox_id.to_owned()).or_insert_with(|| {
            // The next round tells, and is near.
            let shown = if called && !lost { Shown::Starting } else { Shown::Unknown };
            Member { since: Instant::now(), round, shown: watch::Sender::new(shown) }
        });
        let shown = member.shown.subscribe();
        if members.count > FEW {
            self.many.send_if_modified(|many| !std::mem::replace(many, true));
            if !members.called {
                members.called = true;
                tokio::spawn(Arc::clone(&self).call_the_roll(client.with_context(self.context.clone())));
            }
        }
        drop(members);
        Seat { group: self, sandbox_id: sandbox_id.to_owned(), shown, alarms: 0 }
    }

    /// Reads the list for them as long as they are many.
    async fn call_the_roll(self: Arc<Self>, client: Client) {
        let mut called = Called { group: self, over: false };
        let mut many = called.group.many.subscribe();
        while !called.over {
            tokio::select! {
                biased;
                _ = many.wait_for(|many| !many) => {}
                () = roll_calls(&client, &called.group) => {}
            }
            // More may have come meanwhile.
            let mut members = called.group.members();
            if members.count <= FEW {
                members.dismiss();
                called.over = true;
            }
        }
    }

    /// How many sandboxes are waited for.
    pub(crate) fn len(&self) -> usize {
        self.members().by_sandbox.len()
    }

    /// Begins a round; gives back how many are waited for.
    pub(crate) fn begin_round(&self) -> usize {
        let mut members = self.members();
        members.round += 1;
        members.by_sandbox.len()
    }

    /// Sandboxes that are starting, as the list says.
    pub(crate) fn saw<'a>(&self, starting: impl Iterator<Item = &'a str>) {
        let mut members = self.members();
        let round = members.round;
        for sandbox_id in starting {
            if let Some(member) = members.by_sandbox.get_mut(sandbox_id) {
                member.round = round;
            }
        }
    }

    /// Ends a round: who was not seen in it is to be looked at. Gives back how long the last comer waits already.
    pub(crate) fn end_round(&self) -> Duration {
        let mut members = self.members();
        members.lost = false;
        let round = members.round;
        let mut shortest = Duration::MAX;
        for member in members.by_sandbox.values_mut() {
            member.show(if member.round == round { Shown::Starting } else { Shown::Otherwise });
            shortest = shortest.min(member.since.elapsed());
        }
        shortest
    }

    /// The list can't be read: everybody goes on alone.
    pub(crate) fn lose_sight(&self) {
        let mut members = self.members();
        members.lost = true;
        members.show_unknown();
    }
}

impl Members {
    fn show_unknown(&mut self) {
        self.by_sandbox.values_mut().for_each(|member| member.show(Shown::Unknown));
    }

    fn dismiss(&mut self) {
        (self.called, self.lost) = (false, false);
        self.show_unknown();
    }
}

impl Member {
    fn show(&self, shown: Shown) {
        if *self.shown.borrow() != shown {
            self.shown.send_replace(shown);
        }
    }
}

/// The reading of the list.
struct Called {
    group: Arc<Group>,
    over: bool,
}

impl Drop for Called {
    /// Its runtime ends: whoever waits in another one goes on alone.
    fn drop(&mut self) {
        if !self.over {
            self.group.members().dismiss();
        }
    }
}

/// One who waits for a sandbox.
pub(crate) struct Seat {
    group: Arc<Group>,
    sandbox_id: String,
    shown: watch::Receiver<Shown>,
    /// How often it was missing in the list, and still starting.
    alarms: u32,
}

impl Seat {
    /// Waits until a look is worth it: for the pause that who waits alone makes, and as long as the list says that the
    /// sandbox is starting. What it says is doubted now and then, and before the time is up that is `left`.
    pub(crate) async fn turn(&mut self, pause: Duration, left: Duration) {
        let is_listed = *self.shown.borrow() == Shown::Starting;
        sleep(if is_listed && self.alarms <= FORGIVEN { Duration::ZERO } else { pause }).await;
        if *self.shown.borrow() != Shown::Starting {
            return;
        }
        let doubted = jittered(TRUSTED).min(left / 2).max(pause);
        let told = timeout(doubted, self.shown.wait_for(|shown| *shown != Shown::Starting)).await;
        let all_hear_it = told.is_ok_and(|told| told.is_ok_and(|shown| *shown == Shown::Unknown));
        if all_hear_it {
            sleep(pause).await;
        }
    }

    /// It was looked at and is starting: nothing to see until the next round tells, if there is one.
    pub(crate) fn seen_starting(&mut self) {
        let mut members = self.group.members();
        let Members { round, called, lost, .. } = *members;
        if let Some(member) = members.by_sandbox.get_mut(&self.sandbox_id)
            && called
            && !lost
        {
            self.alarms += u32::from(*member.shown.borrow() == Shown::Otherwise);
            member.round = round;
            member.show(Shown::Starting);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut members = self.group.members();
        members.count -= 1;
        if let Some(member) = members.by_sandbox.get(&self.sandbox_id)
            && member.shown.receiver_count() <= 1
        {
            members.by_sandbox.remove(&self.sandbox_id);
        }
        if members.count <= FEW {
            self.group.many.send_if_modified(|many| std::mem::replace(many, false));
        }
    }
}
