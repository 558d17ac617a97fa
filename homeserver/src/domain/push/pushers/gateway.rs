//! POST /_matrix/push/v1/notify: what a push gateway is told (Push Gateway API, "Homeserver behaviour").

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use ruma::{
    OwnedRoomAliasId, OwnedUserId, SecondsSinceUnixEpoch, UInt,
    api::{
        client::push::{Pusher, PusherKind},
        push_gateway::send_event_notification::v1::{Device, Notification as Told, NotificationPriority},
    },
    events::TimelineEventType,
    push::{Action, HighlightTweakValue, HttpPusherData, PushFormat, Tweak},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    domain::web::{Web, WebLimits},
    store::{Db, Notification, PushCounts, PusherKey, PusherRow, RoomSn, StoreError, UserSn},
};

const LIMITS: WebLimits = WebLimits { deadline: Duration::from_secs(30), body: |_| 64 * 1024 };

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: TimelineEventType,
    sender: OwnedUserId,
    state_key: Option<String>,
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rejected: Vec<String>,
}

/// The request that tells a notification, or the counts alone; none when there is nothing that could be told.
pub(super) async fn request(
    db: &mut Db,
    key: &PusherKey,
    row: &PusherRow,
    notification: Option<&Notification>,
    counts: PushCounts,
) -> Result<Option<Request<Bytes>>, StoreError> {
    let Ok(Pusher { kind: PusherKind::Http(data), .. }) = serde_json::from_str::<Pusher>(&row.pusher) else {
        return Ok(None);
    };
    let url = data.url.clone();
    let told = match notification {
        Some(notification) => event(db, key, row, data, notification).await?,
        None => Some(Told::new(vec![device(key, row, data)])),
    };
    let Some(Ok(Value::Object(mut told))) = told.map(serde_json::to_value) else { return Ok(None) };
    told.insert("counts".to_owned(), Value::Object(counted(counts, notification.is_none())));
    let body = Value::Object(Map::from_iter([("notification".to_owned(), Value::Object(told))]));
    let request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    Ok(request.body(Bytes::from(body.to_string())).ok())
}

/// Sends it; answers the push keys that the gateway rejects, or why it did not take it.
pub(super) async fn send(web: &dyn Web, request: Request<Bytes>) -> Result<Vec<String>, String> {
    let answer = web.send(request, LIMITS).await.map_err(|error| error.to_string())?;
    if !answer.response.status().is_success() {
        return Err(answer.response.status().to_string());
    }
    let answer: Answer = serde_json::from_slice(answer.response.body()).map_err(|error| error.to_string())?;
    Ok(answer.rejected)
}

/// What is told of an event; nothing of a redacted one.
async fn event(
    db: &mut Db,
    key: &PusherKey,
    row: &PusherRow,
    data: HttpPusherData,
    notification: &Notification,
) -> Result<Option<Told>, StoreError> {
    let stored = db.notified_event(key.user, notification).await?;
    let Some(stored) = stored.filter(|event| event.redacted_by.is_none()) else { return Ok(None) };
    let Ok(event) = serde_json::from_str::<Event>(&stored.json) else { return Ok(None) };
    let actions: Vec<Action> = serde_json::from_str(&notification.actions).unwrap_or_default();
    let tweaks: Vec<Tweak> = actions
        .into_iter()
        .filter_map(|action| if let Action::SetTweak(tweak) = action { Some(tweak) } else { None })
        .collect();
    let urgent = event.kind == TimelineEventType::RoomEncrypted
        || tweaks.iter().any(|tweak| match tweak {
            Tweak::Highlight(value) => *value == HighlightTweakValue::Yes,
            Tweak::Sound(_) => true,
            _ => false,
        });
    let only_the_id = data.format == Some(PushFormat::EventIdOnly);
    let mut device = device(key, row, data);
    if !only_the_id {
        device.tweaks = tweaks;
    }
    let mut told = Told::new(vec![device]);
    told.event_id = Some(stored.event_id);
    told.room_id = Some(notification.room_id.clone());
    told.prio = if urgent { NotificationPriority::High } else { NotificationPriority::Low };
    if only_the_id {
        return Ok(Some(told));
    }
    let place = (notification.room, key.user);
    let name = named(db, place, ("m.room.member", event.sender.as_str()), "displayname").await?;
    told.sender_display_name = name.filter(|name: &String| !name.is_empty());
    let name = named(db, place, ("m.room.name", ""), "name").await?;
    told.room_name = name.filter(|name: &String| !name.is_empty());
    told.room_alias = named::<OwnedRoomAliasId>(db, place, ("m.room.canonical_alias", ""), "alias").await?;
    if event.kind == TimelineEventType::RoomMember {
        let user_id = db.user_id(key.user).await?;
        told.user_is_target = event.state_key.as_deref() == Some(user_id.as_str());
    }
    told.event_type = Some(event.kind);
    told.sender = Some(event.sender);
    told.content = Some(event.content);
    Ok(Some(told))
}

fn device(key: &PusherKey, row: &PusherRow, data: HttpPusherData) -> Device {
    let mut device = Device::new(key.app_id.clone(), key.pushkey.clone());
    device.pushkey_ts = UInt::try_from(row.set_ts / 1000).ok().map(SecondsSinceUnixEpoch);
    device.data = data.into();
    device
}

/// Counts that are zero are left out; but where the counts are all that is told, a badge goes away only by saying so.
fn counted(counts: PushCounts, alone: bool) -> Map<String, Value> {
    let mut counted = Map::new();
    if counts.unread > 0 || alone {
        counted.insert("unread".to_owned(), counts.unread.into());
    }
    if counts.missed_calls > 0 {
        counted.insert("missed_calls".to_owned(), counts.missed_calls.into());
    }
    counted
}

/// One field of a state event's content: of the room's state, or of what came with an invite.
async fn named<T: DeserializeOwned>(
    db: &mut Db,
    (room, user): (RoomSn, UserSn),
    (kind, state_key): (&str, &str),
    field: &str,
) -> Result<Option<T>, StoreError> {
    let event = match db.state_json(room, kind, state_key).await? {
        Some(json) => serde_json::from_str::<Value>(&json).ok(),
        None => {
            let stripped = db.stripped_state(user, room).await?.unwrap_or_default();
            let is_meant = |event: &Value| {
                event.get("type").and_then(Value::as_str) == Some(kind)
                    && event.get("state_key").and_then(Value::as_str) == Some(state_key)
            };
            serde_json::from_str::<Vec<Value>>(&stripped).unwrap_or_default().into_iter().find(is_meant)
        }
    };
    let value = event.and_then(|event| event.get("content")?.get(field).cloned());
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}
