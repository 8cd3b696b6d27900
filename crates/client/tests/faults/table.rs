//! The table in docs/reliability.md.

use std::collections::BTreeMap;

use crate::faults::Row;
use crate::operations::Group;
use crate::secure::Often;
use crate::service::Keys;

/// A column: operations that behave the same, under a fault that happens once or always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) often: Often,
    pub(crate) group: Group,
    pub(crate) keys: Keys,
}

pub(crate) type Results<'a> = BTreeMap<(&'a str, Column), String>;

impl Column {
    pub(crate) fn of(often: Often) -> impl Iterator<Item = Self> {
        let of_group = [
            (Group::Reads, Keys::Unknown),
            (Group::Changes, Keys::Unknown),
            (Group::WaitReady, Keys::Unknown),
            (Group::Starts, Keys::Unknown),
            (Group::Starts, Keys::Honoured),
        ];
        of_group.into_iter().map(move |(group, keys)| Self { often, group, keys })
    }

    fn title(self) -> &'static str {
        match (self.group, self.keys) {
            (Group::Reads, _) => "reads, heartbeat",
            (Group::Changes, _) => "pause, refresh, setTimeout, delete",
            (Group::WaitReady, _) => "waiting until ready",
            (Group::Starts, Keys::Unknown) => "create, connect",
            (Group::Starts, Keys::Honoured) => "create, connect, keys honoured",
        }
    }
}

/// The document with its tables made anew.
pub(crate) fn in_document(document: &str, rows: &[Row], results: &Results<'_>) -> String {
    let with_first = replaced(document, "once", &table(Often::Once, rows, results));
    replaced(&with_first, "always", &table(Often::Always, rows, results))
}

/// Puts a text between the markers of that name.
fn replaced(document: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: made by the tests -->"), format!("<!-- {name}: end -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no {begin} in docs/reliability.md"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end} in docs/reliability.md"));
    format!("{before}{begin}\n\n{text}\n{end}{after}")
}

fn table(often: Often, rows: &[Row], results: &Results<'_>) -> String {
    let columns: Vec<Column> = Column::of(often).collect();
    let titles = columns.iter().map(|column| column.title().to_owned());
    let mut lines = vec![line("Fault", titles), line("---", columns.iter().map(|_| "---".to_owned()))];
    for row in rows {
        let cell = |column: &Column| results.get(&(row.name.as_str(), *column)).map_or("–", String::as_str).to_owned();
        lines.push(line(&row.name, columns.iter().map(cell)));
    }
    lines.concat()
}

fn line(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!(" {cell} |")).collect();
    format!("| {first} |{cells}\n")
}
