//! Settings, the profile, the recovery kit.

use crate::{
    api::{error::AppError, request::Settings},
    app::App,
};

impl App {
    /// The defaults where there is no data folder yet: the failure screen has a theme too.
    pub(super) fn get_settings(&self) -> Settings {
        self.data().map(|data| data.settings.settings()).unwrap_or_default()
    }

    pub(super) fn recovery_kit_seen(&self, saved: bool) -> Result<(), AppError> {
        let session = self.session()?;
        self.data()?.settings.change(|kept| {
            kept.recovery_kit_seen = true;
            kept.recovery_kit_saved |= saved;
        })?;
        self.set_ready(&session, self.is_own_server())
    }

    pub(super) async fn set_display_name(&self, name: &str) -> Result<(), AppError> {
        let session = self.session()?;
        session.set_display_name(name).await?;
        self.clone().refresh_profile(session, self.is_own_server()).await;
        Ok(())
    }

    pub(super) async fn set_avatar(&self, upload: Option<&str>) -> Result<(), AppError> {
        let session = self.session()?;
        match upload {
            Some(token) => self.set_avatar_of(&session, token).await?,
            None => session.set_avatar(None).await?,
        }
        self.clone().refresh_profile(session, self.is_own_server()).await;
        Ok(())
    }
}
