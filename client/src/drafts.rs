//! What was typed and not sent, kept per room in the encrypted store.

use matrix_sdk::{ComposerDraft, ComposerDraftType, Room};

use crate::{ClientError, Result, Session};

const MAX_DRAFT: usize = 64 * 1024;

impl Session {
    /// Keeps what stands in a room's composer; empty text forgets it.
    pub async fn set_draft(&self, room_id: &str, text: &str) -> Result<()> {
        if text.len() > MAX_DRAFT {
            return Err(ClientError::TooLarge { limit: MAX_DRAFT as u64 });
        }
        let room = self.room(room_id)?;
        if text.trim().is_empty() {
            room.clear_composer_draft(None).await?;
        } else {
            let draft = ComposerDraft {
                plain_text: text.to_owned(),
                html_text: None,
                draft_type: ComposerDraftType::NewMessage,
                attachments: Vec::new(),
            };
            room.save_composer_draft(draft, None).await?;
        }
        self.touch(room.room_id().to_owned());
        Ok(())
    }
}

pub(crate) async fn of_room(room: &Room) -> Option<String> {
    room.load_composer_draft(None).await.ok().flatten().map(|draft| draft.plain_text)
}
