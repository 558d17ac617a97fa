//! Keys of a fresh account: cross-signing and the recovery key, made once, finished later when a start was cut short.

use client::Session;

use crate::{
    api::{error::AppError, status::CreateStep, status::Status},
    app::App,
    secrets::Secrets,
};

impl App {
    /// Makes what is missing of a fresh account's keys. An account signed in from elsewhere brings its own and has no password here.
    pub(super) async fn finish_keys(&self, session: &Session, secrets: &Secrets) -> Result<(), AppError> {
        if !secrets.is_fresh_account() || secrets.recovery_key().is_some() {
            return Ok(());
        }
        let password = secrets.password()?;
        self.set_status(Status::Creating { step: CreateStep::CrossSigning });
        session.bootstrap_cross_signing(Some(&password)).await?;
        self.set_status(Status::Creating { step: CreateStep::RecoveryKey });
        let key = session.make_recovery_key().await?;
        secrets.set_recovery_key(&key)
    }
}
