//! Migrations, run at start; a schema newer than this program is refused.

use sqlx::migrate::{MigrateError, Migrator};

use super::{Db, OpenError, StoreError};

static MIGRATOR: Migrator = sqlx::migrate!();

pub(super) async fn bring_up_to_date(db: &mut Db) -> Result<(), OpenError> {
    MIGRATOR.run(&mut db.0).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => OpenError::NewerSchema,
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => OpenError::Other(StoreError::from(sqlx::Error::from(other))),
    })
}
