//! Columns for people.

use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};

use crate::output::Output;
use crate::terminal_text::plain;

/// What is shown where nothing is known.
pub(crate) const NOTHING: &str = "–";

const GAP: &str = "  ";
/// A last column narrower than this is of no use: the line may be longer then.
const NARROWEST: usize = 8;

/// Rows of equal length below headings.
pub(crate) struct Table {
    headings: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

/// One value of a row.
pub(crate) struct Cell {
    text: String,
    style: Style,
    alignment: Alignment,
}

impl Cell {
    /// A text; control characters in it are replaced.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: plain(text.as_ref()), style: Style::new(), alignment: Alignment::Left }
    }

    /// A text, or a dash.
    pub(crate) fn or_nothing(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new(NOTHING).styled(Style::new().dim()), Self::new)
    }

    /// The same in a style.
    pub(crate) fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// The same at the right of its column, as numbers are.
    pub(crate) fn right(mut self) -> Self {
        self.alignment = Alignment::Right;
        self
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let heading = |text: &&str| Cell::new(text).styled(Style::new().bold());
        Self { headings: headings.iter().map(heading).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines; with `-q` without headings. On a terminal the last column is shortened to what fits.
    pub(crate) fn render(&self, output: &Output) -> String {
        self.render_within(output.width(), !output.quiet)
    }

    fn render_within(&self, width: Option<usize>, with_headings: bool) -> String {
        let heading = with_headings.then_some(&self.headings);
        let rows: Vec<_> = heading.into_iter().chain(&self.rows).collect();
        let mut widths = vec![0; self.headings.len()];
        for row in &rows {
            for (widest, cell) in widths.iter_mut().zip(*row) {
                *widest = (*widest).max(measure_text_width(&cell.text));
            }
        }
        if let (Some(width), Some((last, others))) = (width, widths.split_last_mut()) {
            let left = width.saturating_sub(others.iter().map(|width| width + GAP.len()).sum());
            *last = (*last).min(left.max(NARROWEST));
        }
        let lines = rows.into_iter().map(|row| line(row, &widths)).collect::<Vec<_>>();
        lines.join("\n")
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let last = row.len().saturating_sub(1);
    let cells = row.iter().zip(widths).enumerate().map(|(place, (cell, width))| {
        let short = truncate_str(&cell.text, *width, "…");
        let padding = width.saturating_sub(measure_text_width(&short));
        // What is last is not padded: copied lines have no blanks at their end.
        match cell.alignment {
            Alignment::Right => format!("{}{}", " ".repeat(padding), cell.style.apply_to(short)),
            _ if place == last => cell.style.apply_to(short).to_string(),
            _ => format!("{}{}", cell.style.apply_to(short), " ".repeat(padding)),
        }
    });
    cells.collect::<Vec<_>>().join(GAP)
}

/// Names before their values, one a line.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| measure_text_width(name)).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| {
        format!("{}  {value}", Style::new().dim().apply_to(pad_str(name, width, Alignment::Left, None)))
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "AGE", "METADATA"]);
        table.row(vec![Cell::new("sb-1"), Cell::new("7s").right(), Cell::new("app=größer 你好")]);
        table.row(vec![Cell::new("sb-10"), Cell::new("12m").right(), Cell::or_nothing(None::<&str>)]);
        table
    }

    #[test]
    fn columns_stand_below_each_other() {
        let lines = "ID     AGE  METADATA\nsb-1    7s  app=größer 你好\nsb-10  12m  –";
        assert_eq!(table().render_within(None, true), lines);
    }

    #[test]
    fn the_last_column_is_shortened_to_the_terminal() {
        let lines = table().render_within(Some(24), false);
        assert_eq!(lines, "sb-1    7s  app=größer …\nsb-10  12m  –");
    }

    #[test]
    fn names_stand_before_their_values() {
        assert_eq!(fields(&[("id", "sb-1".into()), ("state", "running".into())]), "id     sb-1\nstate  running");
    }
}
