//! What the person set, in a file that holds no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    api::{
        error::{AppError, ErrorCode},
        request::{Settings, Theme},
        sound::SoundChoice,
    },
    data_folder,
};

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            text_size: 100,
            notifications: true,
            notification_previews: true,
            send_read_receipts: true,
            send_typing: true,
        }
    }
}

/// The file's content; unknown keys of other versions are kept out, missing ones take their default.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub settings: Option<Settings>,
    pub recovery_kit_seen: bool,
    pub recovery_kit_saved: bool,
    /// The profile as it was last seen, shown before the server answers.
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub sound: SoundChoice,
    /// The id of the chosen camera.
    pub camera: Option<String>,
}

pub(crate) struct SettingsFile {
    path: PathBuf,
    kept: watch::Sender<Kept>,
}

impl SettingsFile {
    /// Reads the file; a missing one means the defaults, a broken one is put aside.
    pub(crate) fn open(path: PathBuf) -> Result<Self, AppError> {
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(error = %error, "the settings file is broken and was put aside");
                let _ = std::fs::rename(&path, path.with_extension("broken"));
                Kept::default()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, kept: watch::Sender::new(kept) })
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Kept> {
        self.kept.subscribe()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.kept.borrow().settings.clone().unwrap_or_default()
    }

    pub(crate) fn set(&self, settings: Settings) -> Result<(), AppError> {
        if !(85..=150).contains(&settings.text_size) {
            return Err(AppError::new(ErrorCode::BadArguments, "The text size is between 85 and 150 percent."));
        }
        self.change(|kept| kept.settings = Some(settings))
    }

    /// Changes and writes; when it cannot be written, nothing is changed.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), AppError> {
        let mut kept = self.kept();
        change(&mut kept);
        if kept == self.kept() {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|error| {
            AppError::new(ErrorCode::Failed, "The settings could not be written.").with_detail(error)
        })?;
        data_folder::write_whole(&self.path, &bytes)?;
        self.kept.send_replace(kept);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, SettingsFile, Theme};

    #[test]
    fn settings_survive_and_a_broken_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let file = SettingsFile::open(path.clone()).unwrap();
        assert_eq!(file.settings(), Settings::default());
        file.set(Settings { theme: Theme::Dark, ..Settings::default() }).unwrap();
        assert!(file.set(Settings { text_size: 900, ..Settings::default() }).is_err());
        assert_eq!(SettingsFile::open(path.clone()).unwrap().settings().theme, Theme::Dark);

        std::fs::write(&path, b"{half").unwrap();
        assert_eq!(SettingsFile::open(path.clone()).unwrap().settings(), Settings::default());
        assert!(path.with_extension("broken").exists());
    }
}
