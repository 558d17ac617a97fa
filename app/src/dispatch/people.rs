//! Invite links, both ways.

use client::Homeserver;

use crate::{
    api::{
        error::{AppError, ErrorCode},
        request::{InviteLink, RoomRef},
    },
    app::App,
    invite_link, owner_api,
};

impl App {
    pub(super) async fn get_invite_link(&self) -> Result<InviteLink, AppError> {
        let session = self.session()?;
        let ticket = match self.inner().server.lock().await.as_ref() {
            Some(server) => server.ticket().await,
            None => None,
        };
        let user_id = session.user_id().as_str();
        Ok(InviteLink {
            link: invite_link::write(user_id, ticket.as_deref()),
            matrix_uri: invite_link::matrix_uri(user_id),
        })
    }

    pub(super) async fn open_invite_link(&self, link: &str) -> Result<RoomRef, AppError> {
        let target = invite_link::parse(link)?;
        let session = self.session()?;
        if target.user_id == session.user_id().as_str() {
            return Err(AppError::new(ErrorCode::OwnInviteLink, "That is your own link. Send it to somebody."));
        }
        if let Some(ticket) = &target.ticket {
            let reach = self.inner().server.lock().await.as_ref().map(|server| server.reach.clone());
            if let Some(Homeserver::Socket(socket)) = reach {
                owner_api::add_peer(&socket, ticket).await?;
            }
        }
        self.start_direct_chat(&target.user_id).await
    }

    pub(super) async fn start_direct_chat(&self, user_id: &str) -> Result<RoomRef, AppError> {
        Ok(RoomRef { room_id: self.session()?.direct_chat(user_id).await? })
    }
}
