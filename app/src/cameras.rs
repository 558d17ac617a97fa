//! Which camera the person chose, kept for the next start, and why one shows nothing.

use calls::device::{Named, NoPicture};

use crate::{
    api::{
        call::{CameraName, Cameras, NoPictureCause},
        error::{AppError, ErrorCode},
    },
    app::App,
};

/// Longer than any system's id of a device.
const LONGEST_ID: usize = 512;

impl App {
    pub(crate) async fn cameras(&self) -> Result<Cameras, AppError> {
        let chosen = self.data()?.settings.kept().camera;
        let found = self.inner().options.devices.cameras().await;
        let found = found.into_iter().map(|Named { id, name }| CameraName { id, name }).collect();
        Ok(Cameras { found, chosen })
    }

    pub(crate) fn choose_camera(&self, camera: Option<String>) -> Result<(), AppError> {
        if camera.as_ref().is_some_and(|id| id.is_empty() || id.len() > LONGEST_ID) {
            return Err(AppError::new(ErrorCode::BadArguments, "No camera is called that."));
        }
        self.data()?.settings.change(|kept| kept.camera = camera)?;
        self.use_chosen_camera()?;
        // Without a session there is no call that films.
        if let Ok(phone) = self.phone() {
            phone.reopen_camera();
        }
        Ok(())
    }

    /// The next camera that opens is the chosen one.
    pub(crate) fn use_chosen_camera(&self) -> Result<(), AppError> {
        self.inner().options.devices.choose_camera(self.data()?.settings.kept().camera);
        Ok(())
    }
}

/// `None`: the person knows.
pub(crate) fn cause(why: NoPicture) -> Option<NoPictureCause> {
    Some(match why {
        NoPicture::Cancelled => return None,
        NoPicture::NotThere => NoPictureCause::NotThere,
        NoPicture::Vanished => NoPictureCause::Vanished,
        NoPicture::NotAllowed => NoPictureCause::NotAllowed,
        NoPicture::Busy => NoPictureCause::Busy,
    })
}
