//! Keys made silently: cross-signing, key backup and the recovery key.

use matrix_sdk::encryption::recovery::{RecoveryError, RecoveryState};
use ruma::{
    api::client::uiaa::{AuthData, MatrixUserIdentifier, Password, UserIdentifier},
    assign,
};
use zeroize::Zeroizing;

use crate::{ClientError, Result, Session};

impl Session {
    /// Makes the cross-signing keys if the account has none, and signs this device with them.
    pub async fn bootstrap_cross_signing(&self, password: Option<&str>) -> Result<()> {
        let encryption = self.client().encryption();
        encryption.wait_for_e2ee_initialization_tasks().await;
        let Err(error) = encryption.bootstrap_cross_signing_if_needed(None).await else { return Ok(()) };
        let (Some(info), Some(password)) = (error.as_uiaa_response(), password) else { return Err(error.into()) };
        let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(self.user_id().localpart().to_owned()));
        let auth = assign!(Password::new(user, password.to_owned()), { session: info.session.clone() });
        encryption.bootstrap_cross_signing(Some(AuthData::Password(auth))).await?;
        Ok(())
    }

    /// Turns on key backup and makes the recovery key, which opens everything again; it is told only once.
    pub async fn make_recovery_key(&self) -> Result<Zeroizing<String>> {
        let recovery = self.client().encryption().recovery();
        match recovery.enable().await {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(error) => Err(recovery_error(error)),
        }
    }

    /// Fetches this account's keys with the recovery key: a new device of an older account.
    pub async fn recover(&self, recovery_key: &str) -> Result<()> {
        self.client().encryption().wait_for_e2ee_initialization_tasks().await;
        self.client().encryption().recovery().recover(recovery_key.trim()).await.map_err(recovery_error)
    }

    /// Whether the recovery key is set up and everything behind it is here.
    pub fn has_recovery(&self) -> bool {
        self.client().encryption().recovery().state() == RecoveryState::Enabled
    }
}

fn recovery_error(error: RecoveryError) -> ClientError {
    match error {
        RecoveryError::Sdk(error) => error.into(),
        RecoveryError::SecretStorage(matrix_sdk::encryption::secret_storage::SecretStorageError::SecretStorageKey(
            _,
        )) => ClientError::Invalid("that is not this account's recovery key"),
        other => ClientError::other(other),
    }
}
