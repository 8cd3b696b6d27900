//! Which entries of a timeline are new.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sandbar_protocol::TimelineEvent;
use serde_json::Value;

/// What an entry is known by: its phase, when it began, and how many like it stand before it.
type Key = (String, Option<Timestamp>, usize);

/// The entries of one sandbox's timeline that were told already.
///
/// An entry is told once, when it is first seen, even if its status changes later. Services may insert entries, and drop
/// old ones.
#[derive(Debug, Default)]
pub(crate) struct TimelineReader {
    told: HashSet<Key>,
}

impl TimelineReader {
    /// The places of the entries that were not told before, in order; from now on they were.
    pub(crate) fn new_entries(&mut self, timeline: &[TimelineEvent]) -> Vec<usize> {
        let mut counts = HashMap::new();
        let keys: Vec<Key> = timeline
            .iter()
            .map(|event| {
                let count = counts.entry((event.phase.as_str(), event.timestamp)).or_insert(0);
                *count += 1;
                (event.phase.clone(), event.timestamp, *count)
            })
            .collect();
        let places = (0..keys.len()).filter(|place| !self.told.contains(&keys[*place])).collect();
        if !keys.is_empty() {
            // What the service dropped does not come back.
            self.told = keys.into_iter().collect();
        }
        places
    }
}

/// A sandbox as it was seen, and what is new in its timeline, as JSON text: `{"sandbox": raw, "events": [raw, …]}`.
///
/// `None` if nothing is new.
pub(crate) fn news(reader: &mut TimelineReader, timeline: &[TimelineEvent], raw: &str) -> Option<String> {
    let places = reader.new_entries(timeline);
    if places.is_empty() {
        return None;
    }
    let sandbox: Value = serde_json::from_str(raw).ok()?;
    // As they came, with fields that this version does not know; the list that was read leaves out what is no entry.
    let entries: Vec<&Value> = sandbox.get("timeline")?.as_array()?.iter().filter(|entry| is_entry(entry)).collect();
    let events: Vec<&Value> = places.iter().filter_map(|place| entries.get(*place).copied()).collect();
    Some(serde_json::json!({ "sandbox": sandbox, "events": events }).to_string())
}

fn is_entry(value: &Value) -> bool {
    serde_json::from_value::<TimelineEvent>(value.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn timeline(entries: &[(&str, u8)]) -> Vec<TimelineEvent> {
        let entry = |(phase, second): &(&str, u8)| json!({"phase": phase, "timestamp": format!("2030-01-01T00:00:{second:02}Z")});
        serde_json::from_value(entries.iter().map(entry).collect()).unwrap()
    }

    #[test]
    fn each_entry_is_told_once_in_order() {
        let mut reader = TimelineReader::default();
        assert_eq!(reader.new_entries(&timeline(&[("created", 0), ("starting", 0)])), [0, 1]);
        assert_eq!(reader.new_entries(&timeline(&[("created", 0), ("starting", 0)])), [0; 0]);
        assert_eq!(reader.new_entries(&timeline(&[("created", 0), ("starting", 0), ("ready", 1)])), [2]);
    }

    #[test]
    fn entries_may_be_inserted_and_old_ones_dropped() {
        let mut reader = TimelineReader::default();
        reader.new_entries(&timeline(&[("created", 0), ("paused", 1), ("ready", 3)]));
        assert_eq!(reader.new_entries(&timeline(&[("created", 0), ("agent", 2), ("ready", 3), ("paused", 4)])), [1, 3]);
    }

    #[test]
    fn new_entries_are_found_when_a_long_timeline_leaves_out_old_ones() {
        let entry = |number: usize| {
            let phase = ["starting", "ready", "paused"][number % 3];
            json!({"phase": phase, "timestamp": Timestamp::from_second(number as i64).unwrap()})
        };
        let (mut reader, mut kept, mut told) = (TimelineReader::default(), Vec::new(), Vec::new());
        for number in 0..500 {
            kept.push(entry(number));
            if kept.len() > 100 {
                kept.remove(10);
            }
            // Sometimes several are new at once.
            if number % 7 != 0 {
                let timeline: Vec<TimelineEvent> = serde_json::from_value(json!(kept)).unwrap();
                told.extend(reader.new_entries(&timeline).into_iter().map(|place| kept[place].clone()));
            }
        }
        assert_eq!(told, (0..500).map(entry).collect::<Vec<_>>());
    }

    #[test]
    fn equal_entries_are_as_many_as_there_are() {
        let mut reader = TimelineReader::default();
        assert_eq!(reader.new_entries(&timeline(&[("ready", 1), ("ready", 1)])), [0, 1]);
        assert_eq!(reader.new_entries(&timeline(&[("ready", 1), ("ready", 1), ("ready", 1)])), [2]);
    }

    #[test]
    fn a_status_that_changes_makes_no_new_entry_and_a_timeline_that_is_missing_forgets_nothing() {
        let mut reader = TimelineReader::default();
        let mut entries = timeline(&[("starting", 0)]);
        reader.new_entries(&entries);
        entries[0].status = Some(sandbar_protocol::PhaseStatus::Completed);
        assert!(reader.new_entries(&entries).is_empty());
        assert!(reader.new_entries(&[]).is_empty());
        assert!(reader.new_entries(&entries).is_empty());
    }

    #[test]
    fn news_keep_the_raw_entries() {
        let raw = r#"{"sandboxID":"sb-1","timeline":[{"phase":"created","by":"me"},7,{"phase":"ready"}]}"#;
        let sandbox: sandbar_protocol::Sandbox = serde_json::from_str(raw).unwrap();
        let mut reader = TimelineReader::default();
        let text = news(&mut reader, &sandbox.timeline, raw).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["events"], json!([{"phase": "created", "by": "me"}, {"phase": "ready"}]));
        assert_eq!(value["sandbox"]["sandboxID"], "sb-1");
        assert_eq!(news(&mut reader, &sandbox.timeline, raw), None);
    }
}
