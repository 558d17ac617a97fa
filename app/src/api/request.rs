//! The request table: every question the UI may ask, and the type of its answer.
//!
//! On the wire a request is `{"name": "send_message", "args": {…}}`; the answer is the reply type or an `AppError`.

use client::view::{Attachment, Member, MessageDraft, Person};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    call::{CallNetwork, CallRef, MediaWish},
    sound::SoundChoice,
};

/// A request by name, with its arguments; `Reply` in `ui/src/backend/bindings` maps each name to its answer.
#[derive(Clone, Deserialize, TS)]
#[serde(tag = "name", content = "args", rename_all = "snake_case")]
pub enum Request {
    // First run and unlocking. Each answers `null`; what follows is told by the `status` subscription.
    CreateAccount(CreateAccount),
    SignIn(SignIn),
    RestoreBackup(RestoreBackup),
    Unlock {
        passphrase: String,
    },
    TryAgain,

    // The recovery kit.
    /// Answers `RecoveryKit`.
    GetRecoveryKit,
    /// The person saved it or pressed "Later".
    RecoveryKitSeen {
        saved: bool,
    },

    // People.
    /// Answers `InviteLink`.
    GetInviteLink,
    /// Opens (or makes) the direct chat with the link's person. Answers `RoomRef`.
    OpenInviteLink {
        link: String,
    },
    /// Answers `Person[]`: known people whose name or id matches.
    SearchPeople {
        text: String,
    },
    /// Answers `Member[]`, joined first, then invited.
    GetMembers {
        room_id: String,
    },

    // Rooms.
    /// Answers `RoomRef`.
    CreateRoom(CreateRoom),
    /// Answers `RoomRef`; an existing direct chat is reused.
    StartDirectChat {
        user_id: String,
    },
    Invite {
        room_id: String,
        user_id: String,
    },
    AcceptInvite {
        room_id: String,
    },
    DeclineInvite {
        room_id: String,
    },
    LeaveRoom {
        room_id: String,
    },
    RemoveMember {
        room_id: String,
        user_id: String,
        reason: Option<String>,
    },
    RenameRoom {
        room_id: String,
        name: String,
    },
    SetRoomTopic {
        room_id: String,
        topic: String,
    },
    SetFavourite {
        room_id: String,
        favourite: bool,
    },
    SetMuted {
        room_id: String,
        muted: bool,
    },
    SetMarkedUnread {
        room_id: String,
        unread: bool,
    },

    // A conversation.
    SendMessage {
        room_id: String,
        draft: MessageDraft,
    },
    SendAttachment {
        room_id: String,
        attachment: Attachment,
    },
    /// Sends the voice message of the `recording` subscription, which is over then.
    SendRecording {
        room_id: String,
        reply_to: Option<String>,
    },
    EditMessage {
        room_id: String,
        row_id: String,
        draft: MessageDraft,
    },
    RedactMessage {
        room_id: String,
        row_id: String,
        reason: Option<String>,
    },
    ToggleReaction {
        room_id: String,
        row_id: String,
        key: String,
    },
    /// Sends a failed message again.
    RetrySend {
        room_id: String,
        row_id: String,
    },
    /// Takes back a message that was not sent yet.
    CancelSend {
        room_id: String,
        row_id: String,
    },
    /// Loads older messages; answers `PageResult`.
    LoadOlder {
        room_id: String,
    },
    SetTyping {
        room_id: String,
        typing: bool,
    },
    /// The newest visible message was seen (the window has focus).
    MarkRead {
        room_id: String,
    },
    SetDraft {
        room_id: String,
        text: String,
    },

    // Calls.
    /// Calls the room; what becomes of it is told by the `calls` subscription.
    PlaceCall {
        room_id: String,
        video: bool,
    },
    AcceptCall {
        call: CallRef,
        video: bool,
    },
    DeclineCall {
        call: CallRef,
    },
    /// Stops the ringing here; other devices go on.
    SilenceCall {
        call: CallRef,
    },
    HangUp {
        call: CallRef,
    },
    SetCallMedia {
        call: CallRef,
        wish: MediaWish,
    },
    /// The screen of a call that is over is closed.
    CloseCall {
        call: CallRef,
    },
    /// Pictures were lost on the way to the page: all streams begin anew.
    RefreshCallFrames,
    /// Also for calls that go on.
    ChooseSound {
        choice: SoundChoice,
    },
    /// Answers when it was played.
    PlayTestSound,
    /// Answers `CallNetwork`, after some seconds.
    CheckNetwork,
    /// By its id; absent: the best. Also for calls that go on.
    ChooseCamera {
        camera: Option<String>,
    },

    // Media: what the timeline names by `media`.
    /// Writes a decrypted file where the person chose (Tauri) or answers a download (bridge); answers `SavedFile`.
    SaveMedia {
        media: String,
        name: String,
    },

    // The person's own profile and settings.
    SetDisplayName {
        name: String,
    },
    /// `upload` as in `Attachment`; `null` removes the picture.
    SetAvatar {
        upload: Option<String>,
    },
    /// Answers `Settings`.
    GetSettings,
    SetSettings {
        settings: Settings,
    },
    /// The window gained or lost focus, and which room it shows: decides what raises a notification.
    SetFocus {
        focused: bool,
        room_id: Option<String>,
    },
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct CreateAccount {
    pub display_name: String,
    /// A picture uploaded before, as in `Attachment`.
    pub avatar: Option<String>,
    /// "I have a domain": the name others address, with certificate and key when they are not self-made.
    pub domain: Option<DomainChoice>,
    /// Where the system has no keyring.
    pub passphrase: Option<String>,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct DomainChoice {
    pub server_name: String,
    pub federation_listen: Option<String>,
    pub certificate: Option<String>,
    pub private_key: Option<String>,
}

#[derive(Clone, Deserialize, TS)]
pub struct SignIn {
    /// A server name or a URL.
    pub homeserver: String,
    pub username: String,
    pub password: String,
    pub recovery_key: Option<String>,
    pub passphrase: Option<String>,
}

#[derive(Clone, Deserialize, TS)]
pub struct RestoreBackup {
    /// The recovery kit's file, uploaded before.
    pub upload: String,
    pub recovery_key: String,
    pub display_name: String,
    pub passphrase: Option<String>,
}

#[derive(Clone, Debug, Deserialize, TS)]
pub struct CreateRoom {
    pub name: String,
    pub topic: Option<String>,
    pub invite: Vec<String>,
    pub encrypted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct RoomRef {
    pub room_id: String,
}

#[derive(Clone, Serialize, TS)]
pub struct RecoveryKit {
    /// In groups of four, as it is printed.
    pub recovery_key: String,
    pub file_name: String,
    /// The kit as a text file to save or print.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct InviteLink {
    /// `hearth:…` with the address ticket.
    pub link: String,
    /// The same person as a `matrix:` URI, for other apps.
    pub matrix_uri: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct PageResult {
    /// The beginning of the room was reached.
    pub reached_start: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct SavedFile {
    /// Where it was written; `null` when a browser downloads it from `url`.
    pub path: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Settings {
    pub theme: Theme,
    /// Percent of the normal text size, 85 to 150.
    pub text_size: u16,
    pub notifications: bool,
    /// Show the message's text in notifications.
    pub notification_previews: bool,
    pub send_read_receipts: bool,
    pub send_typing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    System,
    Light,
    Dark,
}

/// Each request's answer, by name: only for TypeScript; requests missing here answer `null`.
#[derive(TS)]
pub struct Reply {
    pub get_recovery_kit: RecoveryKit,
    pub get_invite_link: InviteLink,
    pub open_invite_link: RoomRef,
    pub search_people: Vec<Person>,
    pub get_members: Vec<Member>,
    pub create_room: RoomRef,
    pub start_direct_chat: RoomRef,
    pub load_older: PageResult,
    pub save_media: SavedFile,
    pub get_settings: Settings,
    pub check_network: CallNetwork,
}
