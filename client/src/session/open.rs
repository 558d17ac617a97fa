//! Building the SDK's client: HTTP over a Unix socket or to a URL, encrypted stores, and an earlier session restored.

use std::time::Duration;

use matrix_sdk::{
    Client, ClientBuilder, SqliteStoreConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    store::RoomLoadSettings,
};

use super::{Homeserver, SavedSession, Session, SignIn, Store};
use crate::{ClientError, Result};

/// The Host that requests over the socket name; no other listener is meant by it.
const SOCKET_URL: &str = "http://localhost";

impl Session {
    /// Opens the session that an earlier run saved.
    pub async fn restore(homeserver: &Homeserver, store: &Store, saved: SavedSession) -> Result<Self> {
        let client = connect(homeserver, store).await?;
        client.matrix_auth().restore_session(saved.0, RoomLoadSettings::default()).await?;
        Self::assemble(client).await
    }

    /// Signs in with a password, as a new device.
    pub async fn sign_in(homeserver: &Homeserver, store: &Store, sign_in: &SignIn) -> Result<Self> {
        let client = connect(homeserver, store).await?;
        client
            .matrix_auth()
            .login_username(&sign_in.username, &sign_in.password)
            .initial_device_display_name(&sign_in.device_name)
            .await
            .map_err(|error| match ClientError::from(error) {
                ClientError::Forbidden(_) => ClientError::WrongPassword,
                other => other,
            })?;
        Self::assemble(client).await
    }
}

pub(super) async fn connect(homeserver: &Homeserver, store: &Store) -> Result<Client> {
    let client = builder(homeserver)?
        .sqlite_store_with_config_and_cache_path(
            SqliteStoreConfig::with_low_memory_config(&store.folder).key(Some(&store.key)),
            None::<&std::path::Path>,
        )
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
            auto_enable_backups: true,
        })
        .build()
        .await?;
    Ok(client)
}

fn builder(homeserver: &Homeserver) -> Result<ClientBuilder> {
    let http = reqwest::Client::builder().user_agent("Hearth").connect_timeout(Duration::from_secs(10));
    let builder = Client::builder();
    Ok(match homeserver {
        Homeserver::Socket(path) => builder
            .http_client(http.unix_socket(path.as_path()).no_proxy().build().map_err(ClientError::other)?)
            .respect_login_well_known(false)
            .homeserver_url(SOCKET_URL),
        Homeserver::Address(address) => {
            let builder = builder.http_client(http.build().map_err(ClientError::other)?);
            if address.starts_with("http://") || address.starts_with("https://") {
                builder.homeserver_url(address)
            } else {
                builder.server_name_or_homeserver_url(address)
            }
        }
    })
}
