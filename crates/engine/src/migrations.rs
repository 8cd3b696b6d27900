//! The schemas of the SQLite files, migration by migration.
//!
//! They are listed here, not found by sqlx's `migrate!`: that macro compiles tokio and SQLite once more, for the compiler.

use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

/// Number, name and text of each, as `(1, "sandboxes", …)` of `migrations/0001_sandboxes.sql`. What has been released is never
/// changed: a change of the schema is one more.
type Migrations = &'static [(i64, &'static str, &'static str)];

const STORE: Migrations = &[
    (1, "sandboxes", include_str!("../migrations/0001_sandboxes.sql")),
    (2, "tombstones", include_str!("../migrations/0002_tombstones.sql")),
    (3, "keys_of_projects", include_str!("../migrations/0003_keys_of_projects.sql")),
    (4, "quarantine", include_str!("../migrations/0004_quarantine.sql")),
];
const LOGS: Migrations = &[(1, "lines", include_str!("../log_migrations/0001_lines.sql"))];

/// Brings the store's schema up to date.
pub(crate) async fn migrate_store(pool: &SqlitePool) -> Result<(), MigrateError> {
    migrator(STORE).run(pool).await
}

/// Brings the schema of the logs up to date.
pub(crate) async fn migrate_logs(pool: &SqlitePool) -> Result<(), MigrateError> {
    migrator(LOGS).run(pool).await
}

fn migrator(migrations: Migrations) -> Migrator {
    let migration = |&(number, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(text), false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The files of a folder, by name, with their texts.
    fn files(folder: &str) -> Vec<(String, String)> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let read =
            |path: &Path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap());
        let mut files: Vec<_> = paths.map(|path| read(&path)).collect();
        files.sort();
        files
    }

    #[test]
    fn every_file_with_a_migration_is_listed() {
        for (folder, list) in [("migrations", STORE), ("log_migrations", LOGS)] {
            let listed =
                list.iter().map(|(number, name, text)| (format!("{number:04}_{name}.sql"), (*text).to_owned()));
            assert_eq!(listed.collect::<Vec<_>>(), files(folder), "{folder}");
        }
    }
}
