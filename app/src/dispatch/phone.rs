//! What the person does with calls.

use calls::{LocalMedia, Person};

use crate::{
    api::{call::CallRef, error::AppError},
    app::App,
};

impl App {
    pub(super) async fn accept_call(&self, call: CallRef, video: bool) -> Result<(), AppError> {
        let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
        self.phone()?.act(call, Person::Accept(media)).await
    }

    pub(super) fn refresh_call_frames(&self) -> Result<(), AppError> {
        self.phone()?.refresh();
        Ok(())
    }
}
