//! Connections: how SQLite is set up, and the four that read.
//!
//! What is SQLite's alone (pragmas) stands here and in the migrations' `STRICT`.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection as _, SqliteConnection,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{StoreError, sync::Ahead};

const READERS: usize = 4;

/// A connection and what was read ahead through it; queries are its methods, one `impl` block in each file of a table family.
pub struct Db(pub(super) SqliteConnection, pub(super) Ahead);

pub(super) async fn open_writer(path: &Path) -> Result<Db, StoreError> {
    let options = options(path)
        .create_if_missing(true)
        .page_size(8192)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", "2000")
        .pragma("journal_size_limit", "67108864");
    Ok(Db(options.connect().await?, Ahead::default()))
}

/// Neither the writer nor the readers wait for it.
pub(super) async fn checkpoint(path: &Path) -> Result<(), StoreError> {
    let mut connection = options(path).synchronous(SqliteSynchronous::Full).connect().await?;
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .synchronous(SqliteSynchronous::Normal)
        .statement_cache_capacity(300)
        .row_buffer_size(500)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-4096")
        .log_slow_statements(tracing::log::LevelFilter::Debug, Duration::from_millis(200))
}

pub(super) struct ReaderPool {
    free: Mutex<Vec<Db>>,
    permits: Semaphore,
}

impl ReaderPool {
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let mut free = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            free.push(Db(options(path).pragma("query_only", "on").connect().await?, Ahead::default()));
        }
        Ok(Self { free: Mutex::new(free), permits: Semaphore::new(READERS) })
    }

    pub(super) async fn lend(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let db = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or(StoreError::Closed)?;
        Ok(Reader { db: Some(db), pool: self, _permit: permit })
    }
}

/// A borrowed connection that goes back to the pool when dropped.
pub struct Reader<'p> {
    /// Present until dropped.
    db: Option<Db>,
    pool: &'p ReaderPool,
    _permit: SemaphorePermit<'p>,
}

impl Deref for Reader<'_> {
    type Target = Db;
    #[expect(clippy::expect_used, reason = "the connection is only taken by drop")]
    fn deref(&self) -> &Db {
        self.db.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl DerefMut for Reader<'_> {
    #[expect(clippy::expect_used, reason = "the connection is only taken by drop")]
    fn deref_mut(&mut self) -> &mut Db {
        self.db.as_mut().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(mut db) = self.db.take() {
            db.1 = Ahead::default();
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
    }
}
