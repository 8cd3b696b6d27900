use std::collections::HashMap;
use std::path::Path;

use sandbar_protocol::Diagnostic;
use tokio::sync::Mutex;

/// A removal during which the keeper ended so many times is not asked for again: each time, all other sandboxes end as well.
const MAX_ENDS: u32 = 3;

/// The removals during which the keeper ended, and how often it did, by sandbox.
#[derive(Default)]
pub(super) struct Removals(Mutex<HashMap<String, u32>>);

impl Removals {
    /// Removes a sandbox's `folder`, unless the keeper has ended of that too often.
    pub(super) async fn attempt(
        &self,
        sandbox_id: &str,
        folder: &Path,
        remove: impl Future<Output = Result<(), Diagnostic>>,
    ) -> Result<(), Diagnostic> {
        let mut suspects = self.0.lock().await;
        let removed = match suspects.get(sandbox_id).copied() {
            Some(MAX_ENDS..) => return Err(removal_ends_keeper(sandbox_id, folder)),
            // One suspect at a time, so that the right one is found.
            Some(_) => remove.await,
            None => {
                drop(suspects);
                let removed = remove.await;
                suspects = self.0.lock().await;
                removed
            }
        };
        match &removed {
            Err(diagnostic) if diagnostic.reason == "keeper_lost" => {
                *suspects.entry(sandbox_id.to_owned()).or_default() += 1;
            }
            _ => drop(suspects.remove(sandbox_id)),
        }
        removed
    }
}

fn removal_ends_keeper(sandbox_id: &str, folder: &Path) -> Diagnostic {
    let message = format!(
        "the process that holds the sandboxes ended {MAX_ENDS} times while it removed the files of {sandbox_id}: it \
         does not try again before the next start of the engine"
    );
    Diagnostic::new("removal_ends_keeper", message).recommend(format!(
        "remove the folder {} by hand; keeper.log in the data folder may say more",
        folder.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::inbox::lost;
    use super::*;

    #[tokio::test]
    async fn removal_is_refused_when_the_keeper_ended_of_it_three_times() {
        let removals = Removals::default();
        let attempt =
            async |id: &str, outcome| removals.attempt(id, Path::new("/data/x"), async move { outcome }).await;
        let reason = |outcome: Result<(), Diagnostic>| outcome.unwrap_err().reason;
        assert_eq!(reason(attempt("innocent", Err(lost())).await), "keeper_lost");
        for _ in 0..3 {
            assert_eq!(reason(attempt("culprit", Err(lost())).await), "keeper_lost");
        }
        assert_eq!(reason(attempt("culprit", Ok(())).await), "removal_ends_keeper", "it is not tried");
        assert!(attempt("innocent", Ok(())).await.is_ok());
        assert_eq!(reason(attempt("innocent", Err(lost())).await), "keeper_lost", "it is counted anew");
    }
}
