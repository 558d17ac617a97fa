//! What a person does in a conversation: sending, editing, reacting, reading.

use matrix_sdk::room::{Receipts, edit::EditedContent};
use matrix_sdk_ui::timeline::EventTimelineItem;
use ruma::api::client::receipt::create_receipt::v3::ReceiptType;

use crate::{ClientError, Result, Session, composer, ids, timeline::OpenTimeline, view::MessageDraft};

/// Messages that one request for older ones loads.
const PAGE: u16 = 50;
const MAX_REACTION: usize = 64;

impl Session {
    /// Puts a message into the queue; it stands in the timeline when this returns.
    pub async fn send_message(&self, room_id: &str, draft: &MessageDraft) -> Result<()> {
        let content = composer::content(draft)?;
        let open = self.open_timeline(room_id).await?;
        let echo = open.next_echo().await;
        match &draft.reply_to {
            Some(event_id) => open.timeline.send_reply(content, ids::event_id(event_id)?).await?,
            None => {
                open.timeline.send(content.with_relation(None).into()).await?;
            }
        }
        echo.await;
        open.told_all().await;
        self.set_draft(room_id, "").await
    }

    pub async fn edit_message(&self, room_id: &str, row_id: &str, draft: &MessageDraft) -> Result<()> {
        let content = composer::content(draft)?;
        let open = self.open_timeline(room_id).await?;
        let item = item(&open, row_id).await?;
        let is_media = item.content().as_message().is_some_and(|message| {
            use ruma::events::room::message::MessageType as Kind;
            matches!(message.msgtype(), Kind::Image(_) | Kind::Video(_) | Kind::Audio(_) | Kind::File(_))
        });
        let edited = if is_media {
            let caption = composer::caption(&draft.body);
            EditedContent::MediaCaption {
                caption: Some(caption.body),
                formatted_caption: caption.formatted,
                mentions: content.mentions,
            }
        } else {
            EditedContent::RoomMessage(content)
        };
        Ok(open.timeline.edit(&item.identifier(), edited).await?)
    }

    pub async fn redact_message(&self, room_id: &str, row_id: &str, reason: Option<&str>) -> Result<()> {
        let open = self.open_timeline(room_id).await?;
        let item = item(&open, row_id).await?;
        Ok(open.timeline.redact(&item.identifier(), reason).await?)
    }

    pub async fn toggle_reaction(&self, room_id: &str, row_id: &str, key: &str) -> Result<()> {
        if key.is_empty() || key.len() > MAX_REACTION {
            return Err(ClientError::Invalid("a reaction is one emoji or a short word"));
        }
        let open = self.open_timeline(room_id).await?;
        let item = item(&open, row_id).await?;
        open.timeline.toggle_reaction(&item.identifier(), key).await?;
        Ok(())
    }

    /// Sends a failed message again, and lets the room's queue go on.
    pub async fn retry_send(&self, room_id: &str, row_id: &str) -> Result<()> {
        let open = self.open_timeline(room_id).await?;
        let item = item(&open, row_id).await?;
        if let Some(handle) = item.local_echo_send_handle() {
            handle.unwedge().await.map_err(ClientError::other)?;
        }
        open.timeline.room().send_queue().set_enabled(true);
        Ok(())
    }

    /// Takes back a message that was not sent yet.
    pub async fn cancel_send(&self, room_id: &str, row_id: &str) -> Result<()> {
        let open = self.open_timeline(room_id).await?;
        let item = item(&open, row_id).await?;
        let Some(handle) = item.local_echo_send_handle() else {
            return Err(ClientError::Invalid("the message has been sent already"));
        };
        if handle.abort().await.map_err(ClientError::other)? {
            Ok(())
        } else {
            Err(ClientError::Invalid("the message has been sent already"))
        }
    }

    /// Loads older messages; true when the beginning of the room was reached.
    pub async fn load_older(&self, room_id: &str) -> Result<bool> {
        let open = self.open_timeline(room_id).await?;
        let reached_start = open.page_back(PAGE).await?;
        open.told_all().await;
        Ok(reached_start)
    }

    /// The newest message was seen; `public` tells the others.
    pub async fn mark_read(&self, room_id: &str, public: bool) -> Result<()> {
        let open = self.open_timeline(room_id).await?;
        let receipt = if public { ReceiptType::Read } else { ReceiptType::ReadPrivate };
        let newest = open.timeline.latest_event_id().await;
        let receipts = match newest {
            Some(event_id) => {
                let receipts = Receipts::new().fully_read_marker(event_id.clone());
                match receipt {
                    ReceiptType::Read => receipts.public_read_receipt(event_id),
                    _ => receipts.private_read_receipt(event_id),
                }
            }
            None => Receipts::new(),
        };
        open.timeline.send_multiple_receipts(receipts).await?;
        Ok(())
    }
}

async fn item(open: &OpenTimeline, row_id: &str) -> Result<EventTimelineItem> {
    let items = open.timeline.items().await;
    let found = items.iter().rev().find(|item| item.unique_id().0 == row_id);
    found.and_then(|item| item.as_event().cloned()).ok_or(ClientError::NotFound("the message"))
}
