//! What a sandbox goes through while somebody waits for it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use sandbar_client::{Answer, ClientError, Onlooker, Progress};
use sandbar_protocol::Sandbox;
use serde::Deserialize;

use crate::output::Output;
use crate::progress_terminal::ProgressTerminal;
use crate::terminal_text::plain;
use crate::timeline::{self, Stream};

const FRAME: Duration = Duration::from_millis(80);

/// Awaits a call that waits for a sandbox. Where somebody looks, the phases are shown meanwhile, and stay in the end.
pub(crate) async fn of_sandbox<F>(
    output: &Output,
    what: &str,
    call: impl FnOnce(Onlooker) -> F,
) -> Result<Answer<Sandbox>, ClientError>
where
    F: Future<Output = Result<Answer<Sandbox>, ClientError>>,
{
    let (onlooker, progress) = Onlooker::with_progress();
    if !output.shows_progress() {
        return call(onlooker).await;
    }
    let spinner = spinner(what);
    let outcome = {
        let call = pin!(call(onlooker));
        let shown = pin!(show(progress, &spinner, what));
        match futures_util::future::select(call, shown).await {
            futures_util::future::Either::Left((outcome, _)) => outcome,
            futures_util::future::Either::Right(((), call)) => call.await,
        }
    };
    spinner.finish_and_clear();
    if let Ok(answer) = &outcome {
        for line in timeline::lines(&answer.value.timeline, Stream::Stderr) {
            output.note(&line);
        }
    }
    outcome
}

/// Where progress is drawn.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(ProgressTerminal::stderr()), 20)
}

/// A line on standard error that moves while something is waited for.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}");
    let bar = ProgressBar::with_draw_target(None, draw_target())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        .with_message(what.to_owned())
        // Also where the wait is given up.
        .with_finish(ProgressFinish::AndClear);
    bar.enable_steady_tick(FRAME);
    bar
}

async fn show(mut progress: Progress, spinner: &ProgressBar, what: &str) {
    #[derive(Deserialize)]
    struct News {
        sandbox: Sandbox,
    }
    while let Some(news) = progress.next().await {
        // It was read from the same text before.
        let Ok(News { sandbox }) = serde_json::from_str(&news) else { continue };
        let phases = sandbox.timeline.iter().map(|event| plain(&event.phase)).collect::<Vec<_>>();
        spinner.set_message(format!("{what}: {}", phases.join(" › ")));
    }
}
