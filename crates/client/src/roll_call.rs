//! Reading the list of what is starting, for many who wait: one look at a hundred sandboxes instead of a hundred looks.
//!
//! What is not in it is only worth a look of its own. So a list that is read in pieces while it changes, or that a service
//! filters or sorts as it likes, costs looks and never the truth.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use sandbar_protocol::{MAX_PAGE, PageToken, PublicState};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::answer::RawAnswer;
use crate::pauses::jittered;
use crate::readiness::{LONGEST_PAUSE, Readiness};
use crate::request::{Limits, Request};
use crate::sandboxes::paging;
use crate::waiting::Group;
use crate::{CallOptions, Client, ClientError};

const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);
/// The lag that is to be expected is half an interval, and so a 400th of what was waited already.
const PART_OF_WAIT: u32 = 200;
/// At most this part of one core is spent on the list.
const PART_OF_CORE: u32 = 25;
/// What a page costs the processor, beside what is in it.
const COST_OF_PAGE: Duration = Duration::from_micros(60);
/// What it costs to receive, copy and scan a KiB of it.
const COST_OF_KIB: Duration = Duration::from_micros(3);
/// In bytes, about.
const FULL_PAGE: usize = 64 * 1024;
/// How far two pages overlap that are read at the same time: as many may leave the list meanwhile without hiding others.
const OVERLAP: u64 = 10;
const STEP: u64 = MAX_PAGE - OVERLAP;
/// What a page costs, in looks at one sandbox.
const LOOKS_OF_PAGE: usize = 4;
/// How many pages are read at the same time.
const PAGES_AT_ONCE: usize = 32;
/// A page that takes longer is no help.
const PAGE_WITHIN: Duration = Duration::from_secs(5);

/// Reads the list again and again.
pub(crate) async fn roll_calls(client: &Client, group: &Group) {
    let mut roll = Roll { client, group, waiting: 0, listed: None };
    loop {
        let begun = Instant::now();
        let interval = match roll.call().await {
            Ok(interval) => jittered(interval),
            // Those who wait for many come one after the other.
            Err(NoList::TooLong(_)) if group.len() > roll.waiting => SHORTEST_INTERVAL,
            Err(failure) => {
                group.lose_sight();
                roll.listed = None;
                failure.pause()
            }
        };
        sleep(interval.saturating_sub(begun.elapsed())).await;
    }
}

/// Why the list is no help now.
#[derive(Debug)]
enum NoList {
    /// Others start many more than are waited for here: to look at these takes less. So many pages were read in vain.
    TooLong(usize),
    /// It does not fit the contract.
    Unreadable,
    Failed(ClientError),
}

impl NoList {
    /// How long until it is tried again.
    fn pause(&self) -> Duration {
        let least = match self {
            Self::TooLong(pages) => work(*pages, FULL_PAGE * pages),
            Self::Unreadable => Duration::ZERO,
            Self::Failed(error) => error.retry_after().unwrap_or_default(),
        };
        LONGEST_PAUSE.max(least)
    }
}

struct Roll<'a> {
    client: &'a Client,
    group: &'a Group,
    /// How many were waited for when the round began.
    waiting: usize,
    /// How many entries the list had, if it has pages that can be read side by side.
    listed: Option<u64>,
}

impl Roll<'_> {
    /// Reads the list once; gives back the time until the next round, from the beginning of this one.
    async fn call(&mut self) -> Result<Duration, NoList> {
        self.waiting = self.group.begin_round();
        let Self { client, group, waiting, .. } = *self;
        let most_pages = (waiting / LOOKS_OF_PAGE).max(2);
        let known = self.listed.map_or(1, |listed| 1 + listed.saturating_sub(MAX_PAGE).div_ceil(STEP));
        let known = usize::try_from(known).unwrap_or(most_pages).min(most_pages);
        let offsets = (0..known as u64).map(|page| page * STEP);
        let mut pages = iter(offsets.map(|offset| read(client, group, offset, None))).buffered(PAGES_AT_ONCE);
        let mut sum = Page { is_regular: true, ..Page::default() };
        while let Some(page) = pages.next().await {
            sum.add(page?);
        }
        let mut count = known;
        while let Some(token) = sum.next.take() {
            if count >= most_pages {
                return Err(NoList::TooLong(count));
            }
            sum.add(read(client, group, sum.end, Some(token)).await?);
            count += 1;
        }
        self.listed = sum.is_regular.then_some(sum.end);
        Ok(interval(waiting, count, sum.bytes, group.end_round()))
    }
}

/// How long from one round to the next: as short as it goes without more requests than if everybody looked alone, without
/// more of the processor than is due, and not shorter than one notices.
fn interval(waiting: usize, pages: usize, bytes: usize, waited: Duration) -> Duration {
    let as_many_requests = LONGEST_PAUSE * to_u32(pages) / to_u32(waiting).max(1);
    let noticed = (waited / PART_OF_WAIT).min(LONGEST_PAUSE);
    SHORTEST_INTERVAL.max(as_many_requests).max(work(pages, bytes)).max(noticed)
}

/// How long a round must last for these pages to take no more of the processor than is due.
fn work(pages: usize, bytes: usize) -> Duration {
    (COST_OF_PAGE * to_u32(pages) + COST_OF_KIB * to_u32(bytes / 1024)) * PART_OF_CORE
}

fn to_u32(number: usize) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// What is known of one page, or of all so far.
#[derive(Default)]
struct Page {
    /// The offset behind its last entry.
    end: u64,
    next: Option<String>,
    /// Whether it is full, unless it is the last one, and the next one's token is that one's offset.
    is_regular: bool,
    bytes: usize,
}

impl Page {
    fn add(&mut self, page: Self) {
        self.end = self.end.max(page.end);
        self.next = page.next;
        self.is_regular &= page.is_regular;
        self.bytes += page.bytes;
    }
}

/// Reads the page at an offset, or of a token, and tells the group what is starting.
async fn read(client: &Client, group: &Group, offset: u64, token: Option<String>) -> Result<Page, NoList> {
    let limits = client.limits(&CallOptions::once());
    let limits = Limits { timeout: limits.timeout.min(PAGE_WITHIN), ..limits };
    let token = token.or_else(|| (offset > 0).then(|| PageToken(offset).encode()));
    let request = Request::get("/sandboxes", limits)
        .query([("state", PublicState::Starting.to_string()), ("limit", MAX_PAGE.to_string())])
        .query(token.map(|token| ("nextToken", token)));
    let answer = client.transport().send(&request, Ok::<RawAnswer, _>).await.map_err(NoList::Failed)?;
    let entries: Vec<Entry<'_>> = serde_json::from_slice(&answer.body).map_err(|_| NoList::Unreadable)?;
    group.saw(entries.iter().filter(|entry| entry.is_starting()).map(|entry| entry.sandbox_id));
    let end = offset + entries.len() as u64;
    let (next, has_next) = paging(&answer);
    let next = next.filter(|_| has_next);
    let is_regular = |token: &String| end == offset + MAX_PAGE && PageToken::decode(token) == Some(PageToken(end));
    let is_regular = next.as_ref().is_none_or(is_regular);
    Ok(Page { end, next, is_regular, bytes: answer.body.len() })
}

/// What is read of an entry, without a copy.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "sandboxID")]
    sandbox_id: &'a str,
    #[serde(default)]
    state: Option<&'a str>,
    #[serde(default)]
    status: Option<&'a str>,
}

impl Entry<'_> {
    /// The service may not filter by state.
    fn is_starting(&self) -> bool {
        let [state, status] = [self.state, self.status].map(|word| word.map(PublicState::from));
        Readiness::of_words(state.as_ref(), status.as_ref()) == Readiness::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(waiting: usize, pages: usize, kib: usize, waited_secs: u64) -> u128 {
        interval(waiting, pages, kib * 1024, Duration::from_secs(waited_secs)).as_millis()
    }

    #[test]
    fn rounds_are_as_frequent_as_looks_alone_would_cost() {
        assert_eq!(millis(9, 1, 1, 0), 166, "a page for nine, who would look every 1.5 s each");
        assert_eq!(millis(30, 3, 1, 0), 150);
        assert_eq!(millis(100, 1, 1, 0), 20, "never more often than one notices");
    }

    #[test]
    fn rounds_take_a_25th_of_a_core_and_are_rarer_later() {
        assert_eq!(millis(1_000, 10, 550, 0), 56);
        assert_eq!(millis(2_000, 20, 1_100, 0), 112);
        assert_eq!(millis(100, 1, 55, 60), 300, "a 200th of what was waited");
        assert_eq!(millis(100, 1, 55, 86_400), 1_500);
    }

    #[test]
    fn an_entry_is_starting_unless_its_words_say_otherwise() {
        let text = r#"[
            {"sandboxID": "a", "state": "starting"}, {"sandboxID": "b", "status": "starting", "x": [{"state": "running"}]},
            {"sandboxID": "c"}, {"state": null, "sandboxID": "d", "metadata": {"sandboxID": "z", "state": "failed"}},
            {"sandboxID": "e", "state": "running"}, {"sandboxID": "f", "state": "gliding", "status": "paused"}
        ]"#;
        let entries: Vec<Entry<'_>> = serde_json::from_str(text).unwrap();
        let starting = entries.iter().filter(|entry| entry.is_starting()).map(|entry| entry.sandbox_id);
        assert_eq!(starting.collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}
