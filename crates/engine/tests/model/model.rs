//! What the contract promises, in its own words and with seconds for numbers: nothing of the engine is used in here.

use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// What a client does, or what happens by itself. Sandboxes are meant by their place in the order of creation.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create {
        timeout: i64,
        auto_pause: bool,
        team: u8,
        key: Option<u8>,
        starts: bool,
    },
    Connect {
        which: usize,
        timeout: i64,
        starts: bool,
    },
    Pause {
        which: usize,
    },
    Refresh {
        which: usize,
        duration: Option<i64>,
    },
    SetTimeout {
        which: usize,
        timeout: i64,
    },
    Delete {
        which: usize,
    },
    /// The runtime ends by itself.
    Exit {
        which: usize,
    },
    /// The process that holds the runtime is lost, and with it the runtime.
    Lose {
        which: usize,
        starts: bool,
    },
    /// Time passes.
    Pass {
        secs: i64,
    },
    /// The engine is killed, is gone for a while, and starts again, with runtimes that lived on or not.
    Restart {
        secs: i64,
        adopts: bool,
        starts: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Paused,
    Failed,
    Deleted,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    pub(crate) state: State,
    pub(crate) end_at: i64,
    pub(crate) team: u8,
    timeout: i64,
    auto_pause: bool,
    paused_at: i64,
    deleted_at: i64,
}

/// All sandboxes and the time, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) sandboxes: BTreeMap<usize, Sandbox>,
    pub(crate) created: usize,
    keys: BTreeMap<u8, Keyed>,
}

/// A create under a key.
#[derive(Debug)]
struct Keyed {
    body: (i64, bool, u8),
    which: usize,
    at: i64,
}

impl Model {
    /// Does it, and says with which status the engine must answer.
    pub(crate) fn apply(&mut self, operation: &Operation) -> u16 {
        let now = self.now;
        match *operation {
            Operation::Create { timeout, auto_pause, team, key, starts } => {
                let body = (timeout, auto_pause, team);
                if let Some(first) = key.and_then(|key| self.keyed(key)) {
                    return if first.body == body { 201 } else { 409 };
                }
                if let Some(key) = key {
                    self.keys.insert(key, Keyed { body, which: self.created, at: now });
                }
                let state = if starts { State::Running } else { State::Failed };
                let end_at = now + timeout * 1000;
                let sandbox = Sandbox { state, end_at, team, timeout, auto_pause, paused_at: 0, deleted_at: 0 };
                self.sandboxes.insert(self.created, sandbox);
                self.created += 1;
                201
            }
            Operation::Connect { which, timeout, starts } => self.on(which, |one| match one.state {
                State::Running => {
                    one.extend(now, timeout);
                    200
                }
                State::Paused => one.resume(now, timeout, starts),
                State::Failed => 409,
                State::Deleted => 404,
            }),
            Operation::Pause { which } => self.on(which, |one| match one.state {
                State::Running => {
                    one.pause(now);
                    204
                }
                State::Paused => 204,
                State::Failed => 409,
                State::Deleted => 404,
            }),
            Operation::Refresh { which, duration } => self.on(which, |one| match one.state {
                State::Running => {
                    one.end_at = one.end_at.max(now + duration.unwrap_or(one.timeout) * 1000);
                    204
                }
                State::Paused | State::Failed => 409,
                State::Deleted => 404,
            }),
            Operation::SetTimeout { which, timeout } => self.on(which, |one| match one.state {
                State::Running => {
                    one.end_at = now + timeout * 1000;
                    if timeout == 0 {
                        one.expire(now);
                    } else {
                        one.timeout = timeout;
                    }
                    204
                }
                State::Paused | State::Failed => 409,
                State::Deleted => 404,
            }),
            Operation::Delete { which } => self.on(which, |one| match one.state {
                State::Deleted => 404,
                _ => {
                    one.delete(now);
                    204
                }
            }),
            Operation::Exit { which } => {
                let one = self.sandboxes.get_mut(&which).filter(|one| one.state == State::Running);
                one.into_iter().for_each(|one| one.state = State::Failed);
                0
            }
            Operation::Lose { which, starts } => {
                let one = self.sandboxes.get_mut(&which).filter(|one| one.state == State::Running && !starts);
                // Its files are kept.
                one.into_iter().for_each(|one| one.pause(self.now));
                0
            }
            Operation::Pass { secs } => {
                self.pass(secs);
                0
            }
            Operation::Restart { secs, adopts, starts } => {
                self.pass(secs);
                for one in self.sandboxes.values_mut().filter(|one| one.state == State::Running) {
                    if !adopts && !starts {
                        // Its files are kept.
                        one.pause(self.now);
                    }
                }
                0
            }
        }
    }

    /// The create that the key is in use for.
    fn keyed(&self, key: u8) -> Option<&Keyed> {
        let first = self.keys.get(&key)?;
        let lives = self.sandboxes.get(&first.which).is_some_and(|one| one.state != State::Deleted);
        (lives && self.now - first.at <= DAY_MS).then_some(first)
    }

    fn on(&mut self, which: usize, apply: impl FnOnce(&mut Sandbox) -> u16) -> u16 {
        self.sandboxes.get_mut(&which).map_or(404, apply)
    }

    fn pass(&mut self, secs: i64) {
        // A little more: no deadline falls on the moment of a call.
        self.now += secs * 1000 + 7;
        let now = self.now;
        for one in self.sandboxes.values_mut().filter(|one| one.end_at <= now) {
            match one.state {
                State::Running => one.expire(now),
                State::Failed if !one.auto_pause => one.delete(now),
                _ => {}
            }
        }
        self.sandboxes.retain(|_, one| one.state != State::Deleted || now - one.deleted_at <= DAY_MS);
    }
}

impl Sandbox {
    fn extend(&mut self, now: i64, timeout: i64) {
        if timeout > 0 {
            self.timeout = timeout;
            self.end_at = self.end_at.max(now + timeout * 1000);
        }
    }

    fn resume(&mut self, now: i64, timeout: i64, starts: bool) -> u16 {
        let left = (self.end_at - self.paused_at).max(0).max(timeout * 1000);
        if timeout > 0 {
            self.timeout = timeout;
        }
        self.end_at = now + if left == 0 { self.timeout * 1000 } else { left };
        if starts {
            self.state = State::Running;
            return 201;
        }
        self.paused_at = now;
        409
    }

    fn pause(&mut self, now: i64) {
        self.state = State::Paused;
        self.paused_at = now;
    }

    fn delete(&mut self, now: i64) {
        self.state = State::Deleted;
        self.deleted_at = now;
    }

    fn expire(&mut self, now: i64) {
        if self.auto_pause { self.pause(now) } else { self.delete(now) }
    }
}
