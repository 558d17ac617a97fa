//! How far a message of one's own has come.

use matrix_sdk_ui::timeline::{EventSendState, EventTimelineItem};

use crate::view::SendState;

pub(super) fn of(event: &EventTimelineItem) -> SendState {
    match event.send_state() {
        None => SendState::Received,
        Some(EventSendState::NotSentYet { progress: Some(upload) }) if upload.progress.total > 0 => {
            SendState::Uploading { progress: upload.progress.current as f32 / upload.progress.total as f32 }
        }
        Some(EventSendState::NotSentYet { .. }) => SendState::Sending,
        Some(EventSendState::Sent { .. }) => SendState::Sent,
        Some(EventSendState::SendingFailed { error, is_recoverable }) => {
            let sentence =
                if *is_recoverable { "Not sent yet. It is tried again by itself.".to_owned() } else { reason(error) };
            SendState::Failed { sentence, retry: true }
        }
    }
}

fn reason(error: &matrix_sdk::Error) -> String {
    use ruma::api::error::ErrorKind;
    match error.client_api_error_kind() {
        Some(ErrorKind::Forbidden) => "You may not write in this room.".to_owned(),
        Some(ErrorKind::TooLarge) => "The message is too large.".to_owned(),
        Some(ErrorKind::NotFound) => "The server does not know this room any more.".to_owned(),
        _ => format!("The message could not be sent: {}", error.to_string().chars().take(200).collect::<String>()),
    }
}
