//! What the person does with calls.

use calls::{LocalMedia, Person};

use crate::{
    api::{
        call::{CallRef, MediaWish},
        error::AppError,
    },
    app::App,
};

impl App {
    pub(super) async fn place_call(&self, room_id: String, video: bool) -> Result<(), AppError> {
        self.leave_the_camera(video).await;
        self.phone()?.place(room_id, video).await
    }

    pub(super) async fn accept_call(&self, call: CallRef, video: bool) -> Result<(), AppError> {
        self.leave_the_camera(video).await;
        let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
        self.phone()?.act(call, Person::Accept(media)).await
    }

    pub(super) async fn set_call_media(&self, call: CallRef, wish: MediaWish) -> Result<(), AppError> {
        self.leave_the_camera(wish.camera == Some(true)).await;
        self.phone()?.set_media(call, wish).await
    }

    /// A call comes before a scan.
    async fn leave_the_camera(&self, to_the_call: bool) {
        if to_the_call {
            self.inner().scanner.give_way().await;
        }
    }

    pub(super) fn refresh_call_frames(&self) -> Result<(), AppError> {
        self.phone()?.refresh();
        Ok(())
    }
}
