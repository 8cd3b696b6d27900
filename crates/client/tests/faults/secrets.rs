//! Nothing secret is written down, whatever goes wrong and however much is logged.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cell::{SECRETS, outcome};
use crate::faults::{Happens, Row, all};
use crate::operations::Operation;
use crate::secure::Often;
use crate::service::Keys;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A create sends the values of env vars, and is answered with an access token, as are the others.
const OPERATIONS: [Operation; 3] = [Operation::CreateAndWait, Operation::Connect, Operation::Get];

// One thread, as the log is this thread's. What the errors show is looked at in each cell.
#[tokio::test]
async fn no_log_shows_a_secret_at_the_most_verbose_level() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = subscriber.set_default();
    let rows: Vec<Row> = all().into_iter().filter(is_quick).collect();
    let cells = rows.iter().flat_map(|row| OPERATIONS.map(|operation| (row, operation)));
    let cells = cells.flat_map(|(row, operation)| [Often::Once, Often::Always].map(|often| (row, operation, often)));
    join_all(cells.map(|(row, operation, often)| outcome(row, often, operation, Keys::Unknown))).await;
    drop(guard);
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
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
