//! One row: a message, a change of state, a divider.

use matrix_sdk::Room;
use matrix_sdk_ui::timeline::{
    EventTimelineItem, TimelineDetails, TimelineEventShieldState, TimelineItem, TimelineItemContent, TimelineItemKind,
    VirtualTimelineItem,
};
use ruma::{OwnedUserId, events::room::power_levels::RoomPowerLevels};

use super::{
    body,
    calls::{self, CallsOfRoom},
    names::Names,
    send_state, state, summary, undecryptable,
};
use crate::{
    Session,
    media::MessageMedia,
    view::{Encryption, MessageRow, Reaction, ReplyQuote, TimelineRow, TimelineRowKind},
};

const MAX_READERS: usize = 12;

/// What rows are drawn with: who reads, and what they may do.
pub(super) struct Drawing {
    session: Session,
    me: OwnedUserId,
    levels: RoomPowerLevels,
}

impl Drawing {
    pub(super) async fn new(session: &Session, room: &Room) -> Self {
        Self {
            session: session.clone(),
            me: session.user_id().to_owned(),
            levels: room.power_levels_or_default().await,
        }
    }

    pub(super) fn row(&self, item: &TimelineItem, names: &Names, calls: &CallsOfRoom) -> TimelineRow {
        let kind = match item.kind() {
            TimelineItemKind::Virtual(VirtualTimelineItem::DateDivider(at)) => {
                TimelineRowKind::DayDivider { timestamp: at.get().into() }
            }
            TimelineItemKind::Virtual(VirtualTimelineItem::ReadMarker) => TimelineRowKind::ReadMarker,
            TimelineItemKind::Virtual(VirtualTimelineItem::TimelineStart) => TimelineRowKind::Start,
            TimelineItemKind::Event(event) => self.event(event, names, calls),
        };
        TimelineRow { id: item.unique_id().0.clone(), kind }
    }

    fn event(&self, event: &EventTimelineItem, names: &Names, calls: &CallsOfRoom) -> TimelineRowKind {
        let timestamp = event.timestamp().get().into();
        if is_call(event)
            && let Some(invited) = calls::invitation(event)
        {
            return TimelineRowKind::Call {
                person: names.sender(event.sender(), event.sender_profile()),
                timestamp,
                incoming: !event.is_own(),
                video: invited.video,
                outcome: calls.outcome(&invited, event.sender(), timestamp),
            };
        }
        match state::change(event, names) {
            Some((subject, change)) => {
                let person = match subject {
                    Some(user_id) if user_id != event.sender() => names.person(&user_id),
                    _ => names.sender(event.sender(), event.sender_profile()),
                };
                TimelineRowKind::State { person, timestamp, change }
            }
            None => TimelineRowKind::Message(Box::new(self.message(event, names))),
        }
    }

    fn message(&self, event: &EventTimelineItem, names: &Names) -> MessageRow {
        let content = event.content();
        let message = content.as_message();
        let redacted = content.is_redacted();
        let may_redact = if event.is_own() {
            event.event_id().is_none() || self.levels.user_can_redact_own_event(&self.me)
        } else {
            self.levels.user_can_redact_event_of_other(&self.me)
        };
        let media = MessageMedia { media: self.session.media(), transaction: event.transaction_id() };
        MessageRow {
            event_id: event.event_id().map(ToString::to_string),
            sender: names.sender(event.sender(), event.sender_profile()),
            is_own: event.is_own(),
            timestamp: event.timestamp().get().into(),
            body: body::of(content, &self.me, &media),
            edited: message.is_some_and(|message| message.is_edited()),
            can_edit: event.is_editable(),
            can_redact: may_redact && !redacted,
            reply_to: content.in_reply_to().map(|reply| quote(&reply, names)),
            reactions: self.reactions(content, names),
            read_by: event
                .read_receipts()
                .keys()
                .filter(|id| **id != self.me && **id != event.sender())
                .take(MAX_READERS)
                .map(|id| names.person(id))
                .collect(),
            send_state: send_state::of(event),
            encryption: shield(event),
            mentions_me: event.is_highlighted()
                || message
                    .and_then(|message| message.mentions())
                    .is_some_and(|mentions| mentions.user_ids.contains(&self.me)),
        }
    }

    fn reactions(&self, content: &TimelineItemContent, names: &Names) -> Vec<Reaction> {
        let Some(all) = content.reactions() else { return Vec::new() };
        all.iter()
            .map(|(key, by)| Reaction {
                key: key.clone(),
                count: u32::try_from(by.len()).unwrap_or(u32::MAX),
                mine: by.contains_key(&self.me),
                people: by.keys().take(20).map(|id| names.person(id).name).collect(),
            })
            .collect()
    }
}

/// A row that changes with other events of its call.
pub(super) fn is_call(event: &EventTimelineItem) -> bool {
    matches!(event.content(), TimelineItemContent::CallInvite)
}

fn quote(reply: &matrix_sdk_ui::timeline::InReplyToDetails, names: &Names) -> ReplyQuote {
    let (sender, text) = match &reply.event {
        TimelineDetails::Ready(event) => {
            (Some(names.sender(&event.sender, &event.sender_profile)), summary::line(&event.content))
        }
        _ => (None, None),
    };
    ReplyQuote { event_id: reply.event_id.to_string(), sender, text }
}

fn shield(event: &EventTimelineItem) -> Encryption {
    match event.get_shield(false) {
        TimelineEventShieldState::None => Encryption::Fine,
        TimelineEventShieldState::Grey { code } => {
            Encryption::Warning { sentence: undecryptable::shield(code).to_owned() }
        }
        TimelineEventShieldState::Red { code } => {
            Encryption::Danger { sentence: undecryptable::shield(code).to_owned() }
        }
    }
}
