//! Push: rules applied to events, written in the event's own transaction, and the pushers that tell gateways what came of it.

mod pushers;
mod rules;

use ruma::{
    OwnedUserId, RoomId, RoomVersionId, UInt, UserId,
    events::{
        ignored_user_list::IgnoredUserListEventContent,
        room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource},
    },
    push::{Action, FlattenedJson, PushConditionPowerLevelsCtx, PushConditionRoomCtx, Ruleset},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::{Db, EventSn, NewNotification, Position, RoomSn, StoreError, Tx, UserSn};

pub use self::{pushers::Pushers, rules::RuleCache};

/// Members counted for the conditions on the size of a room; larger rooms count as this large.
const COUNTED_MEMBERS: u32 = 10_000;

/// Applies push rules. Cheap to clone.
#[derive(Clone, Default)]
pub struct Push {
    rules: RuleCache,
}

/// An accepted event, as push rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct PushedEvent<'a> {
    pub room: RoomSn,
    pub room_id: &'a RoomId,
    pub version: &'a RoomVersionId,
    pub event: EventSn,
    pub event_id: &'a str,
    pub position: Position,
    pub sender: &'a UserId,
    /// The signed event.
    pub json: &'a str,
    /// The local users to whom it may be something: members but for the sender, and who is invited.
    pub users: &'a [UserSn],
    /// The room's members are still to come: there are many.
    pub partial: bool,
}

impl Push {
    /// Applies the rules of each of the users to an event that was just accepted, writes what they decide and wakes their pushers. The event's row, its relations and the state that it makes must have been written before.
    pub async fn evaluate(&self, tx: &mut Tx, event: PushedEvent<'_>) -> Result<(), StoreError> {
        let Ok(raw) = serde_json::from_str::<Box<RawValue>>(event.json) else { return Ok(()) };
        let flat = FlattenedJson::from_raw(&Raw::<serde_json::Value>::from_json(raw));
        let members =
            if event.partial { COUNTED_MEMBERS } else { tx.joined_members_upto(event.room, COUNTED_MEMBERS).await? };
        let power_levels = power_levels(tx, event.room, event.version).await?;
        let thread = tx.thread_of(event.event_id).await?;
        for user in event.users.iter().copied() {
            let user_id = tx.user_id(user).await?;
            let rules = self.rules.of(tx, user, &user_id).await?;
            let name = tx.member_display_name(event.room, user).await?.unwrap_or_default();
            let mut context = PushConditionRoomCtx::new(event.room_id.to_owned(), UInt::from(members), user_id, name);
            context.power_levels.clone_from(&power_levels);
            if let Some(root) = &thread {
                let subscription = tx.thread_subscription(user, event.room, root).await?;
                let subscribed = subscription.is_some_and(|subscription| subscription.subscribed);
                context = context.with_has_thread_subscription_fn(move |_| Box::pin(async move { subscribed }));
            }
            let actions = decide(&rules, &flat, &context).await;
            let notify = actions.iter().any(Action::should_notify);
            if !notify || ignores(tx, user, event.sender).await? {
                continue;
            }
            tx.add_notification(NewNotification {
                user,
                room: event.room,
                position: event.position,
                event: event.event,
                thread_id: thread.as_ref().map(|id| id.as_str()).unwrap_or_default(),
                notify,
                highlight: actions.iter().any(Action::is_highlight),
                actions: &serde_json::to_string(actions).unwrap_or_else(|_| "[]".to_owned()),
            })
            .await?;
            tx.wake_pushers(user);
        }
        Ok(())
    }
}

/// Whether the user does not want to hear of what the sender does.
async fn ignores(db: &mut Db, user: UserSn, sender: &UserId) -> Result<bool, StoreError> {
    let content = db.account_data(user, RoomSn::GLOBAL, "m.ignored_user_list").await?;
    let list = content.and_then(|json| serde_json::from_str::<IgnoredUserListEventContent>(&json).ok());
    Ok(list.is_some_and(|list| list.ignored_users.contains_key(sender)))
}

/// The actions of the first rule that matches.
pub(crate) async fn decide<'r>(
    rules: &'r Ruleset,
    event: &FlattenedJson,
    context: &PushConditionRoomCtx,
) -> &'r [Action] {
    for rule in rules {
        if rule.applies(event, context).await {
            return rule.actions();
        }
    }
    &[]
}

/// The room's power levels as the conditions want them; none when the room's state cannot be read.
async fn power_levels(
    db: &mut Db,
    room: RoomSn,
    version: &RoomVersionId,
) -> Result<Option<PushConditionPowerLevelsCtx>, StoreError> {
    #[derive(Deserialize)]
    struct Create {
        sender: OwnedUserId,
        content: CreateContent,
    }
    #[derive(Deserialize)]
    struct CreateContent {
        #[serde(default)]
        additional_creators: Vec<OwnedUserId>,
    }
    #[derive(Deserialize)]
    struct PowerLevels {
        content: RoomPowerLevelsEventContent,
    }
    let (Some(create), Some(rules)) = (db.state_json(room, "m.room.create", "").await?, version.rules()) else {
        return Ok(None);
    };
    let Ok(create) = serde_json::from_str::<Create>(&create) else { return Ok(None) };
    let creators: Vec<OwnedUserId> = std::iter::once(create.sender).chain(create.content.additional_creators).collect();
    let source = match db.state_json(room, "m.room.power_levels", "").await? {
        Some(json) => match serde_json::from_str::<PowerLevels>(&json) {
            Ok(event) => RoomPowerLevelsSource::Original(event.content),
            Err(_) => return Ok(None),
        },
        None => RoomPowerLevelsSource::None,
    };
    Ok(Some(RoomPowerLevels::new(source, &rules.authorization, creators).into()))
}

/// The rules of a user who never changed them.
pub fn default_rules(user_id: &UserId) -> Ruleset {
    Ruleset::server_default(user_id)
}
