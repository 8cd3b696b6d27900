//! A sandbox's state, in colour.

use console::Style;
use sandbar_protocol::PublicState;

use crate::table::Cell;

/// The colour of a state.
pub(crate) fn style(state: &PublicState) -> Style {
    match state {
        PublicState::Starting => Style::new().yellow(),
        PublicState::Running => Style::new().green(),
        PublicState::Paused => Style::new().blue(),
        PublicState::Failed | PublicState::Error => Style::new().red(),
        PublicState::Deleted | PublicState::Other(_) => Style::new().dim(),
    }
}

/// The state as a cell of a table.
pub(crate) fn cell(state: Option<&PublicState>) -> Cell {
    match state {
        Some(state) => Cell::new(state.as_str()).styled(style(state)),
        None => Cell::or_nothing(None::<&str>),
    }
}
