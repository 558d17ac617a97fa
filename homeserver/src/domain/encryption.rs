//! End-to-end encryption as far as a server sees it: public keys, their signatures, backups, to-device messages, device lists.

mod backup;
mod claim;
mod cross_signing;
mod dehydrated;
mod device_lists;
mod error;
mod query;
mod remote;
mod signatures;
mod signed_json;
mod to_device;
mod upload;

use ruma::{OwnedServerName, UserId};

use crate::{
    domain::federation::FederationClient,
    store::{RoomSn, Store, StoreError, Tx, UserSn},
};

pub use self::{
    backup::{Backup, BackupPlace, BackupState},
    cross_signing::CrossSigningUpload,
    dehydrated::DehydratedUpload,
    error::EncryptionError,
    signatures::SignatureFailure,
    to_device::SendToDevice,
    upload::KeyUpload,
};

/// The server's side of encryption. Cheap to clone.
#[derive(Clone)]
pub struct Encryption {
    store: Store,
    federation: FederationClient,
    server_name: OwnedServerName,
}

impl Encryption {
    pub fn new(store: Store, federation: FederationClient, server_name: OwnedServerName) -> Self {
        Self { store, federation, server_name }
    }

    fn is_local(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.server_name
    }
}

/// To be called when `user`, of any server, became joined to `room`, after its members were written. For a room that we joined over
/// federation once, for the local user; not for each member of the state that came along.
pub async fn joined(tx: &mut Tx, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
    tx.room_shared(room, user).await
}

/// To be called when `user`, of any server, is no longer joined to `room`, after its members were written.
pub async fn left(tx: &mut Tx, room: RoomSn, user: UserSn) -> Result<(), StoreError> {
    tx.room_unshared(room, user).await
}
