//! What the composer hands over.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A text message to send. `body` is Markdown; the formatted body is made from it when it has any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MessageDraft {
    pub body: String,
    /// The event answered.
    pub reply_to: Option<String>,
    /// User ids that the person picked with "@".
    #[serde(default)]
    pub mentions: Vec<String>,
}

/// A file to send: uploaded to the app first (`POST /upload`, or the Tauri command of that name), named by the token it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Attachment {
    pub upload: String,
    pub name: String,
    pub mime: String,
    pub caption: Option<String>,
    pub reply_to: Option<String>,
}
