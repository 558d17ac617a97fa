//! Making rooms.

use crate::{
    api::{
        error::AppError,
        request::{CreateRoom, RoomRef},
    },
    app::App,
};

impl App {
    pub(super) async fn create_room(&self, request: CreateRoom) -> Result<RoomRef, AppError> {
        let session = self.session()?;
        let room_id =
            session.create_room(&request.name, request.topic.as_deref(), &request.invite, request.encrypted).await?;
        Ok(RoomRef { room_id })
    }
}
