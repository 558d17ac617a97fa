//! Server-side backups of room keys.

pub mod add_backup_keys;
pub mod add_backup_keys_for_room;
pub mod add_backup_keys_for_session;
pub mod create_backup_version;
pub mod delete_backup_keys;
pub mod delete_backup_keys_for_room;
pub mod delete_backup_keys_for_session;
pub mod delete_backup_version;
pub mod get_backup_info;
pub mod get_backup_keys;
pub mod get_backup_keys_for_room;
pub mod get_backup_keys_for_session;
pub mod get_latest_backup_info;
pub mod update_backup_version;

use std::collections::BTreeMap;

use ruma::{
    UInt,
    api::client::backup::{BackupAlgorithm, KeyBackupData},
    serde::Raw,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{api::error::ApiError, domain::encryption::Backup};

/// The fields of a version as both answers about one have them: algorithm with auth_data, count, etag, version.
fn describe(backup: Backup) -> Result<(Raw<BackupAlgorithm>, UInt, String, String), ApiError> {
    #[derive(Serialize)]
    struct Algorithm {
        algorithm: String,
        auth_data: Box<RawValue>,
    }
    let Backup { version, algorithm, auth_data, state } = backup;
    let algorithm = RawValue::from_string(auth_data)
        .and_then(|auth_data| to_raw_value(&Algorithm { algorithm, auth_data }))
        .map_err(|error| ApiError::internal(&error))?;
    Ok((Raw::from_json(algorithm), count(state.count), state.etag, version))
}

fn count(count: u64) -> UInt {
    UInt::try_from(count).unwrap_or(UInt::MAX)
}

fn sessions(sessions: BTreeMap<String, Raw<KeyBackupData>>) -> BTreeMap<String, Box<RawValue>> {
    sessions.into_iter().map(|(id, session)| (id, session.into_json())).collect()
}

fn raw(sessions: BTreeMap<String, Box<RawValue>>) -> BTreeMap<String, Raw<KeyBackupData>> {
    sessions.into_iter().map(|(id, session)| (id, Raw::from_json(session))).collect()
}

#[cfg(test)]
mod tests;
