//! Server-side backups of room keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::store::{BackedUpSession, Durability, KeyBackup, Tx, UserSn};

use super::{Encryption, EncryptionError};

/// Bytes of one session's data.
const SESSION_BYTES: usize = 64 * 1024;
/// The algorithm's name and its data may not be longer than this.
const AUTH_DATA_BYTES: usize = 64 * 1024;

/// A version of the backup and how full it is.
#[derive(Debug)]
pub struct Backup {
    pub version: String,
    pub algorithm: String,
    /// JSON.
    pub auth_data: String,
    pub state: BackupState,
}

/// What clients compare to learn whether others wrote too.
#[derive(Debug, PartialEq, Eq)]
pub struct BackupState {
    pub etag: String,
    pub count: u64,
}

/// Which sessions of a backup: all, those of a room, or one.
#[derive(Clone, Debug)]
pub enum BackupPlace {
    All,
    Room(String),
    Session(String, String),
}

impl BackupPlace {
    fn parts(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::All => (None, None),
            Self::Room(room) => (Some(room), None),
            Self::Session(room, session) => (Some(room), Some(session)),
        }
    }
}

/// Sessions by room and session id, each as JSON.
pub type Sessions = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

/// How a version is described by clients.
#[derive(Deserialize)]
struct Description {
    algorithm: String,
    auth_data: Map<String, Value>,
    version: Option<String>,
}

/// A session as clients send it.
#[derive(Serialize, Deserialize)]
struct SessionJson {
    first_message_index: i64,
    forwarded_count: i64,
    is_verified: bool,
    session_data: Box<RawValue>,
}

impl Encryption {
    /// Makes a new version from `{algorithm, auth_data}` and answers its name. From now on keys go there alone.
    pub async fn create_backup(&self, user: UserSn, description: &str) -> Result<String, EncryptionError> {
        let Description { algorithm, auth_data, .. } = describe(description)?;
        let auth_data = Value::Object(auth_data).to_string();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { Ok(tx.create_key_backup(user, &algorithm, &auth_data).await?.to_string()) })
            })
            .await
    }

    /// A version, or the newest.
    pub async fn backup(&self, user: UserSn, version: Option<&str>) -> Result<Backup, EncryptionError> {
        let version = version.map(number).transpose()?;
        let mut db = self.store.read().await?;
        let found = db.key_backup(user, version).await?.ok_or(UNKNOWN_VERSION)?;
        let count = db.backed_up_session_count(user, found.version).await?;
        let KeyBackup { version, algorithm, auth_data, etag } = found;
        Ok(Backup { version: version.to_string(), algorithm, auth_data, state: state(etag, count) })
    }

    /// Replaces the `auth_data` of a version.
    pub async fn update_backup(&self, user: UserSn, version: &str, description: &str) -> Result<(), EncryptionError> {
        let description = describe(description)?;
        if description.version.is_some_and(|named| named != version) {
            return Err(EncryptionError::InvalidParam("The version in the body is another one"));
        }
        let version = number(version)?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let found = tx.key_backup(user, Some(version)).await?.ok_or(UNKNOWN_VERSION)?;
                    if found.algorithm != description.algorithm {
                        return Err(EncryptionError::InvalidParam("Algorithm does not match"));
                    }
                    let auth_data = Value::Object(description.auth_data).to_string();
                    Ok(tx.update_key_backup(user, version, &auth_data).await?)
                })
            })
            .await
    }

    /// Deletes a version with all its keys.
    pub async fn delete_backup(&self, user: UserSn, version: &str) -> Result<(), EncryptionError> {
        let version = number(version)?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.key_backup(user, Some(version)).await?.ok_or(UNKNOWN_VERSION)?;
                    Ok(tx.delete_key_backup(user, version).await?)
                })
            })
            .await
    }

    /// Writes sessions into the current version; of two for the same session the better one stays.
    pub async fn put_backup_keys(
        &self,
        user: UserSn,
        version: &str,
        sessions: Sessions,
    ) -> Result<BackupState, EncryptionError> {
        let mut rows = Vec::new();
        for (room_id, sessions) in sessions {
            for (session_id, json) in sessions {
                rows.push(read_session(room_id.clone(), session_id, &json)?);
            }
        }
        let asked = number(version)?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let current = tx.key_backup(user, None).await?.ok_or(UNKNOWN_VERSION)?;
                    if current.version != asked {
                        tx.key_backup(user, Some(asked)).await?.ok_or(UNKNOWN_VERSION)?;
                        return Err(EncryptionError::WrongBackupVersion { current: current.version.to_string() });
                    }
                    let mut changed = false;
                    for row in rows {
                        changed |= put_if_better(tx, user, asked, row).await?;
                    }
                    finish(tx, user, asked, changed).await
                })
            })
            .await
    }

    /// Reads sessions of a version.
    pub async fn backup_keys(
        &self,
        user: UserSn,
        version: &str,
        place: &BackupPlace,
    ) -> Result<Sessions, EncryptionError> {
        let version = number(version)?;
        let mut db = self.store.read().await?;
        db.key_backup(user, Some(version)).await?.ok_or(UNKNOWN_VERSION)?;
        let (room, session) = place.parts();
        let rows = db.backed_up_sessions(user, version, room, session).await?;
        if rows.is_empty() && session.is_some() {
            return Err(EncryptionError::NotFound("Key not found."));
        }
        let mut sessions = Sessions::new();
        for row in rows {
            let json = write_session(&row)?;
            sessions.entry(row.room_id).or_default().insert(row.session_id, json);
        }
        Ok(sessions)
    }

    /// Deletes sessions of a version.
    pub async fn delete_backup_keys(
        &self,
        user: UserSn,
        version: &str,
        place: BackupPlace,
    ) -> Result<BackupState, EncryptionError> {
        let version = number(version)?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.key_backup(user, Some(version)).await?.ok_or(UNKNOWN_VERSION)?;
                    let (room, session) = place.parts();
                    let deleted = tx.delete_backed_up_sessions(user, version, room, session).await?;
                    finish(tx, user, version, deleted > 0).await
                })
            })
            .await
    }
}

const UNKNOWN_VERSION: EncryptionError = EncryptionError::NotFound("Unknown backup version");

/// Versions are numbers that clients see as texts; another text is a version that does not exist.
fn number(version: &str) -> Result<i64, EncryptionError> {
    version.parse().map_err(|_| UNKNOWN_VERSION)
}

fn describe(description: &str) -> Result<Description, EncryptionError> {
    let parsed: Description = serde_json::from_str(description)
        .map_err(|_| EncryptionError::BadJson("A backup is described by its algorithm and auth_data"))?;
    if description.len() > AUTH_DATA_BYTES {
        return Err(EncryptionError::InvalidParam("The auth_data is too long"));
    }
    Ok(parsed)
}

fn state(etag: i64, count: i64) -> BackupState {
    BackupState { etag: etag.to_string(), count: u64::try_from(count).unwrap_or_default() }
}

async fn finish(tx: &mut Tx, user: UserSn, version: i64, changed: bool) -> Result<BackupState, EncryptionError> {
    if changed {
        tx.raise_key_backup_etag(user, version).await?;
    }
    let backup = tx.key_backup(user, Some(version)).await?.ok_or(UNKNOWN_VERSION)?;
    Ok(state(backup.etag, tx.backed_up_session_count(user, version).await?))
}

async fn put_if_better(tx: &mut Tx, user: UserSn, version: i64, new: BackedUpSession) -> Result<bool, EncryptionError> {
    let known = tx.backed_up_sessions(user, version, Some(&new.room_id), Some(&new.session_id)).await?;
    let better = known.first().is_none_or(|known| rank(&new) < rank(known));
    if better {
        tx.put_backed_up_session(user, version, &new).await?;
    }
    Ok(better)
}

/// The lower the better: verified before unverified, then the lower index, then fewer forwards.
fn rank(session: &BackedUpSession) -> (bool, i64, i64) {
    (!session.is_verified, session.first_message_index, session.forwarded_count)
}

fn read_session(room_id: String, session_id: String, json: &RawValue) -> Result<BackedUpSession, EncryptionError> {
    let malformed = EncryptionError::BadJson("A backed-up key is malformed");
    let Ok(parsed) = serde_json::from_str::<SessionJson>(json.get()) else { return Err(malformed) };
    let SessionJson { first_message_index, forwarded_count, is_verified, session_data } = parsed;
    let session_data = session_data.get().to_owned();
    if session_data.len() > SESSION_BYTES || !session_data.starts_with('{') || session_id.len() > 255 {
        return Err(malformed);
    }
    Ok(BackedUpSession { room_id, session_id, first_message_index, forwarded_count, is_verified, session_data })
}

fn write_session(row: &BackedUpSession) -> Result<Box<RawValue>, EncryptionError> {
    let damaged = |_| EncryptionError::Store(crate::store::StoreError::Damaged("a backed-up key"));
    let session = SessionJson {
        first_message_index: row.first_message_index,
        forwarded_count: row.forwarded_count,
        is_verified: row.is_verified,
        session_data: RawValue::from_string(row.session_data.clone()).map_err(damaged)?,
    };
    serde_json::value::to_raw_value(&session).map_err(damaged)
}
