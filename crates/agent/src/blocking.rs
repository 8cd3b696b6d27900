use crate::problem::Problem;

/// Does work that waits for the disk on a thread that may wait.
///
/// What has begun goes on to its end when the caller goes away, and its result is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Problem::internal(format!("the work on files broke off: {error}"))))
}
