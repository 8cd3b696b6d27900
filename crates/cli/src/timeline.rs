//! A sandbox's timeline, for people.

use console::{Alignment, Style, measure_text_width, pad_str};
use sandbar_protocol::{PhaseStatus, TimelineEvent};

use crate::span::milliseconds;
use crate::terminal_text::plain;

/// Where lines are printed: colours are decided for each stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// One line for each entry: how it went, the phase, how long it took, and the service's words.
pub(crate) fn lines(timeline: &[TimelineEvent], stream: Stream) -> Vec<String> {
    let phases = timeline.iter().map(|event| plain(&event.phase)).collect::<Vec<_>>();
    let widest = phases.iter().map(|phase| measure_text_width(phase)).max().unwrap_or_default();
    let line = |(event, phase): (&TimelineEvent, &String)| {
        let (mark, style) = match event.status {
            Some(PhaseStatus::Failed) => ("✗", Style::new().red()),
            Some(PhaseStatus::InProgress) => ("…", Style::new().yellow()),
            Some(PhaseStatus::Completed) | None => ("✓", Style::new().green()),
        };
        let style = if stream == Stream::Stderr { style.for_stderr() } else { style };
        let took = event.duration_ms.map(milliseconds).unwrap_or_default();
        let message = event.message.as_deref().map(plain).unwrap_or_default();
        let phase = pad_str(phase, widest, Alignment::Left, None);
        format!("{} {phase}  {took:>8}  {message}", style.apply_to(mark)).trim_end().to_owned()
    };
    timeline.iter().zip(&phases).map(line).collect()
}
