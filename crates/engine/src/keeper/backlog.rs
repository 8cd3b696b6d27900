use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use jiff::Timestamp;
use sandbar_protocol::LogLevel;

use crate::driver::RuntimeNotice;

/// All lines that wait for an engine, together.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What a notice takes beside its text.
const NOTICE_COST: usize = 256;
/// How many notices are sent before the engine has taken the first of them.
const WINDOW: usize = 256;

/// What runtimes said and no engine has taken yet. If it gets too much, whoever said most loses the oldest lines, and its log
/// says how many.
#[derive(Default)]
pub(super) struct Backlog {
    queues: BTreeMap<String, Queue>,
    bytes: usize,
    /// Sent, but not known to have arrived; oldest first.
    sent: VecDeque<RuntimeNotice>,
    /// The sandbox whose notice was sent last: each in turn.
    last: String,
}

/// A sandbox's notices, oldest first.
#[derive(Default)]
struct Queue {
    notices: VecDeque<RuntimeNotice>,
    bytes: usize,
    dropped: u64,
}

impl Backlog {
    pub(super) fn push(&mut self, notice: RuntimeNotice) {
        let cost = cost(&notice);
        let queue = self.queues.entry(notice.sandbox_id().to_owned()).or_default();
        queue.notices.push_back(notice);
        queue.bytes += cost;
        self.bytes += cost;
        while self.bytes > MAX_BYTES && self.drop_one() {}
    }

    /// The next notice to send, if the engine has room for it.
    pub(super) fn next(&mut self) -> Option<RuntimeNotice> {
        if self.sent.len() >= WINDOW {
            return None;
        }
        let after = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
        let turn = self.queues.range::<str, _>(after).next().or_else(|| self.queues.first_key_value());
        let sandbox_id = turn?.0.clone();
        let queue = self.queues.get_mut(&sandbox_id)?;
        let notice = match std::mem::take(&mut queue.dropped) {
            0 => {
                let notice = queue.notices.pop_front()?;
                queue.bytes -= cost(&notice);
                self.bytes -= cost(&notice);
                notice
            }
            dropped => dropped_lines(sandbox_id.clone(), dropped),
        };
        if queue.notices.is_empty() {
            self.queues.remove(&sandbox_id);
        }
        self.last = sandbox_id;
        self.sent.push_back(notice.clone());
        Some(notice)
    }

    /// The engine has taken so many more.
    pub(super) fn taken(&mut self, count: usize) {
        self.sent.drain(..count.min(self.sent.len()));
    }

    /// The engine is gone: what it has not taken waits for the next one.
    pub(super) fn engine_lost(&mut self) {
        while let Some(notice) = self.sent.pop_back() {
            let cost = cost(&notice);
            let queue = self.queues.entry(notice.sandbox_id().to_owned()).or_default();
            queue.notices.push_front(notice);
            queue.bytes += cost;
            self.bytes += cost;
        }
    }

    /// Drops the oldest line of the sandbox that has most. An exit is never dropped.
    fn drop_one(&mut self) -> bool {
        let is_line = |notice: &RuntimeNotice| matches!(notice, RuntimeNotice::Output { .. });
        let Some(queue) = self.queues.values_mut().max_by_key(|queue| queue.bytes) else { return false };
        let Some(oldest) = queue.notices.iter().position(is_line) else { return false };
        let Some(line) = queue.notices.remove(oldest) else { return false };
        queue.dropped += 1;
        queue.bytes -= cost(&line);
        self.bytes -= cost(&line);
        true
    }
}

fn cost(notice: &RuntimeNotice) -> usize {
    match notice {
        RuntimeNotice::Output { line, .. } => NOTICE_COST + line.len(),
        RuntimeNotice::Exited { .. } => NOTICE_COST,
    }
}

fn dropped_lines(sandbox_id: String, count: u64) -> RuntimeNotice {
    let line = format!("{count} lines were dropped here: no engine took them in time");
    RuntimeNotice::Output { sandbox_id, time: Timestamp::now(), level: LogLevel::Warn, line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sandbox_id: &str, line: impl ToString) -> RuntimeNotice {
        let (sandbox_id, line) = (sandbox_id.to_owned(), line.to_string());
        RuntimeNotice::Output { sandbox_id, time: Timestamp::UNIX_EPOCH, level: LogLevel::Info, line }
    }

    fn exit(sandbox_id: &str) -> RuntimeNotice {
        let (sandbox_id, status) = (sandbox_id.to_owned(), "signal: 9".to_owned());
        RuntimeNotice::Exited { sandbox_id, generation: 1, status, cause: None }
    }

    /// What an engine that takes all gets of a sandbox.
    fn all_of(backlog: &mut Backlog, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(notice) = backlog.next() {
            backlog.taken(1);
            match notice {
                RuntimeNotice::Output { sandbox_id, line, .. } if sandbox_id == wanted => lines.push(line),
                RuntimeNotice::Exited { sandbox_id, .. } if sandbox_id == wanted => lines.push("exited".to_owned()),
                _ => {}
            }
        }
        lines
    }

    #[test]
    fn backlog_keeps_the_order_of_each_sandbox() {
        let mut backlog = Backlog::default();
        for n in 0..1000 {
            backlog.push(line("a", n));
            backlog.push(line("b", n));
        }
        backlog.push(exit("a"));
        let expected: Vec<String> = (0..1000).map(|n| n.to_string()).chain(["exited".to_owned()]).collect();
        assert_eq!(all_of(&mut backlog, "a"), expected);
        assert_eq!((backlog.bytes, backlog.queues.len()), (0, 0));
    }

    #[test]
    fn backlog_repeats_what_a_lost_engine_had_not_taken() {
        let mut backlog = Backlog::default();
        (0..WINDOW + 10).for_each(|n| backlog.push(line("a", n)));
        (0..WINDOW).for_each(|_| drop(backlog.next().unwrap()));
        assert!(backlog.next().is_none(), "an engine that takes nothing gets no more");
        backlog.taken(3);
        backlog.engine_lost();
        let expected: Vec<String> = (3..WINDOW + 10).map(|n| n.to_string()).collect();
        assert_eq!(all_of(&mut backlog, "a"), expected);
    }

    #[test]
    fn backlog_drops_the_oldest_lines_of_the_loudest_sandbox_and_says_how_many() {
        let mut backlog = Backlog::default();
        backlog.push(line("quiet", "first"));
        backlog.push(exit("loud"));
        let text = "x".repeat(8000);
        (0..5000).for_each(|_| backlog.push(line("loud", &text)));
        assert!(backlog.bytes <= MAX_BYTES);
        let loud = all_of(&mut backlog, "loud");
        let dropped: usize =
            loud[0].strip_suffix(" lines were dropped here: no engine took them in time").unwrap().parse().unwrap();
        assert_eq!((loud[1].as_str(), loud.len() - 2 + dropped), ("exited", 5000));
        backlog.push(line("quiet", "last"));
        assert_eq!(all_of(&mut backlog, "quiet"), ["last"], "the first had been taken before");
    }
}
