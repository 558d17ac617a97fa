//! The store: all SQL of the server, one file per table family.
//!
//! Reads go through [`Store::read`], which lends one of four connections; writes through [`Store::write`], which hands a closure to the
//! one writer. A write is either committed whole or not at all, and what it asked to wake is woken after the commit, never before.

mod account_data;
mod accounts;
mod administration;
mod aliases;
mod appservices;
mod connection;
mod cross_signing;
mod current_state;
mod dehydrated_devices;
mod delayed_events;
mod destinations;
mod device_lists;
mod devices;
mod error;
mod events;
mod filters;
mod holes;
mod key_backups;
mod keys;
mod media;
mod members;
mod mutual_rooms;
mod names;
mod notifications;
mod outbox;
mod outbox_reading;
mod own_keys;
mod partial;
mod peer_addresses;
mod profiles;
mod purge;
mod pushers;
mod receipts;
mod redactions;
mod registration_tokens;
mod relations;
mod remote_devices;
mod reports;
mod rooms;
mod schema;
mod search;
mod server;
mod serving;
mod signing_keys;
mod sn;
mod snapshots;
mod staging;
mod state_keys;
mod summaries;
mod sync;
#[cfg(any(test, fuzzing))]
mod testing;
mod threads;
mod threepid_bindings;
mod threepid_sessions;
mod threepids;
mod to_device;
mod tokens;
mod transactions;
mod url_previews;
mod user_directory;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use ruma::ServerName;
use tokio::sync::watch;

use crate::clock::Clock;

use self::{connection::ReaderPool, writer::Writer};

pub use self::{
    accounts::{AccountRow, NewAccount},
    administration::{AccountFilter, AccountOrder, ListedAccount, ListedRoom},
    appservices::{AppserviceQueue, OwedEvent, PassingToDevice},
    connection::{Db, Reader},
    cross_signing::{CrossSigningKeys, KeySignature, Usage, public_key, with_signatures},
    delayed_events::DelayedEvent,
    devices::DeviceRow,
    error::{OpenError, StoreError},
    events::{EdgeKind, NewEvent, PutEvent, Standing, StoredEvent},
    holes::Hole,
    key_backups::{BackedUpSession, KeyBackup},
    keys::{ClaimedKey, DeviceKeysRow},
    media::{MediaRow, ThumbnailKey, ThumbnailRow},
    members::{Departure, LocalMembership, MemberRow, Membership},
    notifications::{NewNotification, Notification, NotifiedCall, ReadMarks, Unread},
    outbox_reading::{OutboxBatch, OutboxEvent},
    own_keys::OldOwnKey,
    partial::PartialRoom,
    profiles::Profile,
    pushers::{PushCounts, PusherKey, PusherRow},
    receipts::Receipt,
    registration_tokens::RegistrationToken,
    relations::RelationsPage,
    remote_devices::RemoteList,
    reports::{NewReport, Report, ReportFilter},
    rooms::RoomRow,
    search::{Search, SearchHit, SearchIn, SearchText, Unindexed, search_words},
    signing_keys::{SigningKeyAnswer, SigningKeyRow},
    sn::{AppserviceSn, EventSn, KeySn, Position, RoomSn, ServerSn, SnapshotSn, TypeSn, UserSn},
    snapshots::StateMap,
    staging::{Lane, StagedPdu},
    sync::{AccountData, EventRow, Hero, LocalRoom, LookAhead, RoomChanges, StateChange, StateEntry},
    threads::{ThreadSubscription, ThreadSummary},
    threepid_bindings::ThreepidBinding,
    threepid_sessions::{NewThreepidSession, Purpose, ThreepidSession},
    threepids::ThreepidRow,
    to_device::{ToDeviceMessage, ToDeviceWaiting},
    tokens::{RefreshOwner, TokenOwner, token_hash},
    url_previews::UrlPreview,
    user_directory::KnownUser,
    writer::{Committed, Durability, Tx},
};

/// The server's database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    readers: ReaderPool,
    writer: Writer,
    committed: watch::Receiver<Position>,
}

impl Store {
    /// Opens (or makes) the database at `path` for the server called `server_name`, brings its schema up to date and starts the writer.
    ///
    /// `on_commit` is called after every commit with what was changed, in commit order; it must not block.
    pub async fn open(
        path: &Path,
        server_name: &ServerName,
        clock: Clock,
        on_commit: impl Fn(&Committed) + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let mut db = connection::open_writer(path).await?;
        schema::bring_up_to_date(&mut db).await?;
        let position = db.enter_server(server_name, clock.now_ms()).await?;
        let (committed_tx, committed) = watch::channel(position);
        let writer = Writer::start(db, position, clock, move |commit| {
            committed_tx.send_replace(commit.position);
            on_commit(commit);
        });
        let readers = ReaderPool::open(path).await?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), readers, writer, committed })))
    }

    /// The name of the server whose database lies at `path`; `None` when it is new.
    pub async fn server_of(path: &Path) -> Result<Option<ruma::OwnedServerName>, OpenError> {
        let mut db = connection::open_writer(path).await?;
        schema::bring_up_to_date(&mut db).await?;
        Ok(db.own_name().await?)
    }

    /// Lends a connection for reading. What it reads is committed; two queries may see two different moments.
    pub async fn read(&self) -> Result<Reader<'_>, StoreError> {
        self.0.readers.lend().await
    }

    /// Runs `job` inside a transaction of the one writer and answers when it is committed as `durability` asks.
    ///
    /// An `Err` of the job undoes what the job did and nothing else. Jobs that wait together share one commit.
    pub async fn write<T, E, F>(&self, durability: Durability, job: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.writer.run(durability, job).await
    }

    /// The newest committed position: everything up to it can be read.
    pub fn position(&self) -> Position {
        *self.0.committed.borrow()
    }

    /// Changes with every commit.
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.0.committed.clone()
    }

    /// Where the database file lies.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Moves what is committed from the write-ahead log into the database, as far as nobody reads it just now, and makes it durable.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        connection::checkpoint(&self.0.path).await
    }

    /// Finishes waiting writes, moves the write-ahead log into the database and closes the writer. Later writes fail with `Closed`.
    pub async fn close(&self) {
        self.0.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
