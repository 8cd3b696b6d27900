use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sandbar_client::TransferProgress;

use crate::output::Output;
use crate::terminal_text::plain;

const KNOWN_SIZE: &str = "{bar:24.cyan} {bytes:>10} of {total_bytes} {bytes_per_sec:>12.dim} {eta:>4.dim} {wide_msg}";
const UNKNOWN_SIZE: &str = "{spinner:.cyan} {bytes:>10} {bytes_per_sec:>12.dim} {wide_msg}";

/// How far a transfer is, drawn on standard error where somebody looks. It goes when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(output: &Output) -> Self {
        let target = if output.shows_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(UNKNOWN_SIZE));
        Self(bar)
    }

    pub(super) fn show(&self, progress: &TransferProgress) {
        if self.0.length() != progress.total_bytes
            && let Some(total) = progress.total_bytes
        {
            self.0.set_length(total);
            self.0.set_style(style(KNOWN_SIZE));
        }
        self.0.set_position(progress.bytes);
        self.0.set_message(plain(&progress.path));
    }

    /// So many bytes more of a stream.
    pub(super) fn advance(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
