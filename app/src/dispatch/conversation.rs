//! Requests of a conversation that need more than the session.

use client::{AttachmentFile, view::Attachment};

use crate::{
    api::{
        error::AppError,
        request::{PageResult, SavedFile},
    },
    app::App,
};

impl App {
    pub(super) async fn send_attachment(&self, room_id: &str, attachment: Attachment) -> Result<(), AppError> {
        let session = self.session()?;
        let taken = self.data()?.uploads.take(&attachment.upload)?;
        let file = AttachmentFile {
            path: taken.path().to_owned(),
            name: attachment.name,
            mime: attachment.mime,
            caption: attachment.caption,
            reply_to: attachment.reply_to,
        };
        Ok(session.send_attachment(room_id, file).await?)
    }

    pub(super) async fn load_older(&self, room_id: &str) -> Result<PageResult, AppError> {
        Ok(PageResult { reached_start: self.session()?.load_older(room_id).await? })
    }

    pub(super) async fn set_typing(&self, room_id: &str, typing: bool) -> Result<(), AppError> {
        if !self.data()?.settings.settings().send_typing {
            return Ok(());
        }
        Ok(self.session()?.set_typing(room_id, typing).await?)
    }

    pub(super) async fn mark_read(&self, room_id: &str) -> Result<(), AppError> {
        self.withdraw_alerts(room_id);
        let public = self.data()?.settings.settings().send_read_receipts;
        Ok(self.session()?.mark_read(room_id, public).await?)
    }

    /// Where a browser downloads a file from; a shell with a file dialog answers this request itself.
    pub(super) fn save_media(&self, media: &str, name: &str) -> SavedFile {
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        SavedFile { path: None, url: Some(format!("/media/{}?download={}", encode(media), encode(name))) }
    }
}
