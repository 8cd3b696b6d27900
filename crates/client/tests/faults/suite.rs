//! Runs every cell, and holds the table in the documents to what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::cell::outcome;
use crate::faults::{Happens, Row, all};
use crate::operations::{self, Group};
use crate::secure::Often;
use crate::service::Keys;
use crate::table::{Column, Results, in_document};

/// How many cells run at once. Most of them wait; with more, an answer takes seconds on a busy machine.
const AT_ONCE: usize = 48;

// One thread, so that what the proxy and the client do has one order.
#[tokio::test]
async fn every_operation_ends_well_or_in_one_named_error_under_every_fault() {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let rows = all();
    let cells = rows.iter().flat_map(|row| columns(row).into_iter().map(move |column| (row, column)));
    let runs = cells.flat_map(|(row, column)| {
        let operations = operations::ALL
            .into_iter()
            .filter(move |operation| operation.group() == column.group && !row.spares.contains(operation));
        operations.map(move |operation| (row, column, operation))
    });
    let outcomes = join_all(runs.map(async |(row, column, operation)| {
        let _permits = permits.acquire_many(row.weight).await.unwrap();
        let outcome = outcome(row, column.often, operation, column.keys).await;
        (row.name.as_str(), column, operation, outcome)
    }))
    .await;
    let mut by_cell: BTreeMap<(&str, Column), BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (row, column, operation, outcome) in outcomes {
        let cell = by_cell.entry((row, column)).or_default();
        cell.entry(outcome).or_default().push(format!("{operation:?}"));
    }
    let differing: Vec<_> = by_cell.iter().filter(|(_, outcomes)| outcomes.len() > 1).collect();
    assert!(differing.is_empty(), "operations of one group differ: {differing:#?}");
    let results: Results =
        by_cell.into_iter().map(|((row, column), cell)| ((row, column), cell.into_keys().next().unwrap())).collect();
    check(&rows, &results);
}

/// The columns that a fault has cells in: whether keys are honoured is no matter where TLS ends the call.
fn columns(row: &Row) -> Vec<Column> {
    let has_keys = !matches!(row.happens, Happens::Shown(_) | Happens::Ends(_));
    let all = [Often::Once, Often::Always].into_iter().flat_map(Column::of);
    all.filter(|column| has_keys || column.keys == Keys::Unknown).collect()
}

fn check(rows: &[Row], results: &Results<'_>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let made = in_document(&kept, rows, results);
    if std::env::var_os("SANDBAR_UPDATE").is_some() {
        fs::write(&file, &made).unwrap();
        return;
    }
    let differing: Vec<_> = made.lines().zip(kept.lines()).filter(|(made, kept)| made != kept).collect();
    assert!(made == kept, "docs/reliability.md is old: run this test with SANDBAR_UPDATE=1: {differing:#?}");
}

#[test]
fn every_operation_stands_in_one_column() {
    let groups: Vec<Group> = Column::of(Often::Once).map(|column| column.group).collect();
    assert!(operations::ALL.iter().all(|operation| groups.contains(&operation.group())));
}
