//! Nothing secret is written down, whatever goes wrong and however much is logged.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use futures_util::future::join_all;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cell::{SECRETS, outcome};
use crate::faults::{Happens, Row, all};
use crate::operations::Operation;
use crate::secure::Often;
use crate::service::Keys;

thread_local! {
    /// What this thread logs, while it records.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Appends to the log of the current thread.
struct ThreadLog;

impl io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.get_or_insert_default().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records what the current thread logs from here on, at every level.
///
/// The subscriber is that of the process: with one of the thread's own, an event that another thread emits first, where no
/// subscriber is, would stay disabled everywhere.
fn start_recording() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        let is_recording = dynamic_filter_fn(|_, _| LOG.try_with(|log| log.borrow().is_some()).unwrap_or(false));
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| ThreadLog);
        tracing_subscriber::registry().with(lines.with_filter(is_recording)).init();
    });
    LOG.set(Some(Vec::new()));
}

/// What the current thread has logged.
fn stop_recording() -> String {
    String::from_utf8(LOG.take().unwrap()).unwrap()
}

/// A create sends the values of env vars, and is answered with an access token, as are the others.
const OPERATIONS: [Operation; 3] = [Operation::CreateAndWait, Operation::Connect, Operation::Get];

// On one thread, whose log it is. Each cell checks what its error shows.
#[tokio::test]
async fn no_log_shows_a_secret_at_the_most_verbose_level() {
    start_recording();
    let rows: Vec<Row> = all().into_iter().filter(is_quick).collect();
    let cells = rows.iter().flat_map(|row| OPERATIONS.map(|operation| (row, operation)));
    let cells = cells.flat_map(|(row, operation)| [Often::Once, Often::Always].map(|often| (row, operation, often)));
    join_all(cells.map(|(row, operation, often)| outcome(row, often, operation, Keys::Unknown))).await;
    let log = stop_recording();
    for logged in [" TRACE ", "sandbar: sent again in"] {
        assert!(log.contains(logged), "nothing like {logged:?} was logged");
    }
    for secret in SECRETS {
        let shown = log.lines().find(|line| line.contains(secret));
        assert_eq!(shown, None, "{secret}");
    }
}

/// Those with times to wait, or with large answers, log nothing else.
fn is_quick(row: &Row) -> bool {
    row.weight == 1 && !matches!(row.happens, Happens::Status(_, Some(_)))
}
