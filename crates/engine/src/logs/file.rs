use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqlitePool;

use crate::migrations::migrate_logs;
use crate::sqlite_file;
use crate::store::{StoreError, set_database_aside};

/// One writer, and readers beside it.
const CONNECTIONS: u32 = 3;

/// Opens the file, making it if there is none. No log is worth a start: a damaged file makes way for a new one, and one
/// that can't be opened now, as on a full disk, is opened when it is used.
pub(super) async fn open(file: &Path) -> Result<SqlitePool, StoreError> {
    match attempt(file).await {
        Err(error @ (StoreError::Damaged { .. } | StoreError::Newer { .. })) => {
            let place = make_way(file)?;
            tracing::error!("sandboxes' logs begin anew, the old ones are now {}: {error}", place.display());
            attempt(file).await
        }
        Err(error) => {
            tracing::error!("sandboxes' logs can't be opened, lines are lost until they can: {error}");
            Ok(sqlite_file::open_later(file, CONNECTIONS))
        }
        opened => opened,
    }
}

async fn attempt(file: &Path) -> Result<SqlitePool, StoreError> {
    let migrated = async {
        let pool = sqlite_file::open(file, CONNECTIONS).await?;
        migrate_logs(&pool).await?;
        Ok(pool)
    };
    migrated.await.map_err(|error: StoreError| error.of_file(file))
}

/// Sets the file aside, with what was written last.
fn make_way(file: &Path) -> Result<PathBuf, StoreError> {
    match set_database_aside(&sqlite_file::write_ahead_log(file)) {
        // A connection that is just being closed deletes it.
        Err(StoreError::SetAside { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        outcome => drop(outcome?),
    }
    set_database_aside(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set_aside;

    #[tokio::test]
    async fn logs_begin_anew_when_their_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logs.db");
        open(&file).await.unwrap().close().await;
        let mut broken = std::fs::read(&file).unwrap();
        broken[100..].fill(0xff);
        for damaged in [broken, b"no database".repeat(1000)] {
            std::fs::write(&file, &damaged).unwrap();
            let pool = open(&file).await.unwrap();
            sqlx::query("SELECT * FROM lines").fetch_all(&pool).await.unwrap();
            pool.close().await;
            let kept = set_aside::list(folder.path()).into_iter().map(|piece| std::fs::read(folder.path().join(piece)));
            assert!(kept.flatten().any(|content| content == damaged));
        }
    }

    #[tokio::test]
    async fn logs_that_can_not_be_opened_do_not_stop_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logs.db");
        std::fs::create_dir(&file).unwrap();
        assert!(open(&file).await.unwrap().acquire().await.is_err());
        std::fs::remove_dir(&file).unwrap();
        assert!(open(&file).await.unwrap().acquire().await.is_ok());
    }
}
