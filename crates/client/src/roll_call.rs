//! Reading the list of what is starting, for many who wait: one look at a hundred sandboxes instead of a hundred looks.
//!
//! What is not in it is only worth a look of its own. So a list that is read in pieces while it changes, or that a service
//! filters or sorts as it likes, costs looks and never the truth.

use std::borrow::Cow;
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
/// What a page costs beside its scan, in scans: it is received, and copied.
const SCANS_OF_PAGE: u32 = 3;
/// How many pages are read at the same time.
const PAGES_AT_ONCE: usize = 32;
/// A page that takes longer is no help.
const PAGE_WITHIN: Duration = Duration::from_secs(5);
/// After a list that can't be read, how long until it is tried again.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// Reads the list again and again.
pub(crate) async fn roll_calls(client: &Client, group: &Group) {
    let mut roll = Roll { client, group, pages: 1, by_offset: true };
    loop {
        let begun = Instant::now();
        match roll.call().await {
            Ok(interval) => sleep(jittered(interval).saturating_sub(begun.elapsed())).await,
            Err(NoList { retry_after }) => {
                group.lose_sight();
                roll.pages = 1;
                sleep(LEFT_ALONE.max(retry_after)).await;
            }
        }
    }
}

/// The list can't be read now, or is no help.
#[derive(Debug, Default)]
struct NoList {
    retry_after: Duration,
}

impl From<ClientError> for NoList {
    fn from(error: ClientError) -> Self {
        Self { retry_after: error.retry_after().unwrap_or_default() }
    }
}

struct Roll<'a> {
    client: &'a Client,
    group: &'a Group,
    /// How many pages the list had.
    pages: usize,
    /// Whether page tokens are the offsets that they commonly are, so that no page has to wait for the one before.
    by_offset: bool,
}

impl Roll<'_> {
    /// Reads the list once; gives back the time until the next round, from the beginning of this one.
    async fn call(&mut self) -> Result<Duration, NoList> {
        let waiting = self.group.begin_round();
        let pages_of = |count: usize| count.div_ceil(page_size()).max(1);
        let most_pages = 2 * pages_of(waiting) + 2;
        let known = if self.by_offset { self.pages.min(most_pages) } else { 1 };
        let Self { client, group, .. } = *self;
        let mut pages = iter((0..known).map(|page| read(client, group, token_of(page)))).buffered(PAGES_AT_ONCE);
        let mut sum = Page::default();
        while let Some(page) = pages.next().await {
            sum.add(page?);
        }
        let mut read_pages = known;
        while let Some(token) = sum.next.take() {
            // Others start more than we wait for: their list is longer than our looks.
            if read_pages >= most_pages {
                return Err(NoList::default());
            }
            self.by_offset &= Some(&token) == token_of(read_pages).as_ref();
            sum.add(read(client, group, Some(token)).await?);
            read_pages += 1;
        }
        self.pages = pages_of(sum.listed);
        let waited = self.group.end_round();
        Ok(interval(waiting, read_pages, sum.scanning, waited))
    }
}

/// How long from one round to the next: as short as it goes without more requests than if everybody looked alone, without
/// more of the processor than is due, and not shorter than one notices.
fn interval(waiting: usize, pages: usize, scanning: Duration, waited: Duration) -> Duration {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let as_many_requests = LONGEST_PAUSE * count(pages) / count(waiting).max(1);
    let as_much_work = scanning * SCANS_OF_PAGE * PART_OF_CORE;
    let noticed = waited / PART_OF_WAIT;
    SHORTEST_INTERVAL.max(as_many_requests).max(as_much_work).max(noticed.min(LONGEST_PAUSE))
}

/// What is known of one page, or of all so far.
#[derive(Default)]
struct Page {
    listed: usize,
    next: Option<String>,
    scanning: Duration,
}

impl Page {
    fn add(&mut self, page: Self) {
        self.listed += page.listed;
        self.scanning += page.scanning;
        self.next = page.next;
    }
}

/// Reads a page, and tells the group what is starting.
async fn read(client: &Client, group: &Group, token: Option<String>) -> Result<Page, NoList> {
    let limits = client.limits(&CallOptions::once());
    let limits = Limits { timeout: limits.timeout.min(PAGE_WITHIN), ..limits };
    let query = [("state", PublicState::Starting.to_string()), ("limit", MAX_PAGE.to_string())];
    let request = Request::get("/sandboxes", limits).query(query);
    let request = request.query(token.map(|token| ("nextToken", token)));
    let answer = client.transport().send(&request, Ok::<RawAnswer, _>).await?;
    // The machine's clock, as it is work that is measured.
    let begun = std::time::Instant::now();
    let entries: Vec<Entry<'_>> = serde_json::from_slice(&answer.body).map_err(|_| NoList::default())?;
    group.saw(entries.iter().filter(|entry| entry.is_starting()).map(|entry| entry.sandbox_id.as_ref()));
    let (next, has_next) = paging(&answer);
    Ok(Page { listed: entries.len(), next: next.filter(|_| has_next), scanning: begun.elapsed() })
}

/// What is read of an entry.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "sandboxID", borrow)]
    sandbox_id: Cow<'a, str>,
    #[serde(borrow, default)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

impl Entry<'_> {
    /// The service may not filter by state.
    fn is_starting(&self) -> bool {
        let word = |text: &Option<Cow<'_, str>>| text.as_deref().map(PublicState::from);
        Readiness::of_words(word(&self.state).as_ref(), word(&self.status).as_ref()) == Readiness::Pending
    }
}

fn page_size() -> usize {
    MAX_PAGE.try_into().unwrap_or(usize::MAX)
}

/// The token of a page, by its number; the first needs none.
fn token_of(page: usize) -> Option<String> {
    let offset = u64::try_from(page).ok()? * MAX_PAGE;
    (page > 0).then(|| PageToken(offset).encode())
}
