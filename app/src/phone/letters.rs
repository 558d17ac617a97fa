//! The events of calls on their way to the other side.

use calls::{CallKey, signal::SignalKind, signalling::to_json};
use client::Session;
use ruma::events::{AnyMessageLikeEventContent, MessageLikeEventContent as _};
use tokio::sync::mpsc;

pub(super) type Content = Box<AnyMessageLikeEventContent>;

/// Sends events one after the other, so that none overtakes another.
pub(super) async fn send(
    session: Session,
    mut letters: mpsc::UnboundedReceiver<(CallKey, SignalKind, Content)>,
    failed: mpsc::UnboundedSender<(CallKey, SignalKind)>,
) {
    while let Some((call, kind, content)) = letters.recv().await {
        let event_type = content.event_type().to_string();
        let sent = match to_json(&content) {
            Ok(json) => session
                .send_call_event(&call.room, &event_type, json)
                .await
                .map_err(|error| crate::errors::chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            tracing::warn!(error, "an event of a call could not be sent");
            if failed.send((call, kind)).is_err() {
                return;
            }
        }
    }
}
