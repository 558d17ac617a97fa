//! Migrations, run at start; a schema newer than this program is refused.

use sqlx::migrate::{MigrateError, Migrator};

use super::{Db, OpenError, StoreError};

static MIGRATOR: Migrator = sqlx::migrate!();

pub(super) async fn bring_up_to_date(db: &mut Db) -> Result<(), OpenError> {
    // Not `run`: of its `Acquire` the compiler cannot prove that the future may move between threads.
    MIGRATOR.run_direct(None, &mut db.0, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => OpenError::NewerSchema,
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => OpenError::Other(StoreError::from(sqlx::Error::from(other))),
    })
}
