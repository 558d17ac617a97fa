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
    pub(super) fn accept_call(&self, call: CallRef, video: bool) -> Result<(), AppError> {
        let media = if video { LocalMedia::video() } else { LocalMedia::voice() };
        self.act_in_call(call, Person::Accept(media))
    }

    pub(super) fn act_in_call(&self, call: CallRef, what: Person) -> Result<(), AppError> {
        self.phone()?.act(call, what);
        Ok(())
    }

    pub(super) fn set_call_media(&self, call: CallRef, wish: MediaWish) -> Result<(), AppError> {
        self.phone()?.set_media(call, wish);
        Ok(())
    }

    pub(super) fn close_call(&self, call: CallRef) -> Result<(), AppError> {
        self.phone()?.close(call);
        Ok(())
    }

    pub(super) fn refresh_call_frames(&self) -> Result<(), AppError> {
        self.phone()?.refresh();
        Ok(())
    }
}
