//! Telling what a call that waits for readiness sees meanwhile.

use sandbar_protocol::Sandbox;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Answer;
use crate::timeline::{TimelineReader, news};

/// Who is shown a sandbox each time that a call looks at it; by default nobody.
#[derive(Clone, Debug, Default)]
pub struct Onlooker {
    looks: Option<UnboundedSender<Answer<Sandbox>>>,
}

/// What an [`Onlooker`] was shown, as what is new in the timeline.
#[derive(Debug)]
pub struct Progress {
    looks: UnboundedReceiver<Answer<Sandbox>>,
    reader: TimelineReader,
}

impl Onlooker {
    /// An onlooker, and what it is shown.
    pub fn with_progress() -> (Self, Progress) {
        let (sender, looks) = unbounded_channel();
        (Self { looks: Some(sender) }, Progress { looks, reader: TimelineReader::default() })
    }

    pub(crate) fn is_there(&self) -> bool {
        self.looks.is_some()
    }

    pub(crate) fn show(&self, answer: &Answer<Sandbox>) {
        if let Some(looks) = &self.looks {
            // Nobody may be listening any more.
            drop(looks.send(answer.clone()));
        }
    }
}

impl Progress {
    /// What is new, as JSON text `{"sandbox": raw, "events": [raw, …]}`; `None` once its onlookers are gone.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let answer = self.looks.recv().await?;
            if let Some(news) = news(&mut self.reader, &answer.value.timeline, &answer.text) {
                return Some(news);
            }
        }
    }
}
