//! The plain types that the UI sees: nothing of the SDK leaks through, and every type has a TypeScript twin made by ts-rs.

pub mod composer;
pub mod diff;
pub mod people;
pub mod room;
pub mod room_list;
pub mod text;
pub mod timeline;

pub use composer::{Attachment, MessageDraft};
pub use diff::VectorDiff;
pub use people::{Member, MembershipKind, Person};
pub use room::{Arriving, Invite, RoomView, Typing};
pub use room_list::{RoomKind, RoomPreview, RoomRow};
pub use text::{Inline, TextBlock, TextStyle};
pub use timeline::{
    CallOutcome, Encryption, FileInfo, MessageBody, MessageRow, PictureInfo, Reaction, ReplyQuote, SendState,
    StateChange, TimelineRow, TimelineRowKind, VoiceInfo,
};
