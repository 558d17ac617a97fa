//! Why a message cannot be read, or not trusted: one plain sentence each.

use matrix_sdk_base::crypto::types::events::UtdCause;
use matrix_sdk_ui::timeline::{EncryptedMessage, TimelineEventShieldStateCode};

use crate::view::MessageBody;

pub(super) fn body(message: &EncryptedMessage) -> MessageBody {
    let (sentence, waiting) = match message {
        EncryptedMessage::MegolmV1AesSha2 { cause, .. } => sentence(*cause),
        EncryptedMessage::OlmV1Curve25519AesSha2 { .. } | EncryptedMessage::Unknown => {
            ("This message is encrypted in a way that this app does not know.", false)
        }
    };
    MessageBody::Undecryptable { sentence: sentence.to_owned(), waiting }
}

fn sentence(cause: UtdCause) -> (&'static str, bool) {
    match cause {
        UtdCause::Unknown => ("Waiting for this message's key. It may come when the sender is online.", true),
        UtdCause::SentBeforeWeJoined => ("This message was sent before you joined.", false),
        UtdCause::VerificationViolation => ("The sender's identity has changed, so this message is not shown.", false),
        UtdCause::UnsignedDevice => ("This message came from a device that its owner has not confirmed.", false),
        UtdCause::UnknownDevice => ("This message came from a device that is not known.", false),
        UtdCause::HistoricalMessageAndBackupIsDisabled => ("Older messages are not available on this device.", false),
        UtdCause::WithheldForUnverifiedOrInsecureDevice => {
            ("The sender does not share keys with devices that are not verified.", false)
        }
        UtdCause::WithheldBySender => ("The sender has not shared the key of this message with you.", false),
        UtdCause::HistoricalMessageAndDeviceIsUnverified => {
            ("Enter your recovery key to read older messages on this device.", true)
        }
    }
}

pub(super) fn shield(code: TimelineEventShieldStateCode) -> &'static str {
    use TimelineEventShieldStateCode as Code;
    match code {
        Code::AuthenticityNotGuaranteed => "It cannot be proved on this device who wrote this message.",
        Code::UnknownDevice => "Written on a device that is not known, or was deleted.",
        Code::UnsignedDevice => "Written on a device that its owner has not confirmed.",
        Code::UnverifiedIdentity => "Written by a person whom you have not verified.",
        Code::VerificationViolation => "The writer's identity has changed since you verified it.",
        Code::MismatchedSender => "The sender does not match the owner of the device that encrypted this message.",
        Code::SentInClear => "This message was not encrypted.",
    }
}
