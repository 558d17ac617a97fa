//! GET /_synapse/admin/v1/rooms, …/{roomId} and …/{roomId}/members: rooms as administrators see them.

use std::cmp::{Ordering, Reverse};

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    api::{error::ApiError, parts::Parts},
    store::{ListedRoom, Membership, RoomRow},
};

use super::{
    Administrator, LIMIT, Query, room_id,
    users::{Direction, hundred},
};

#[derive(Deserialize)]
pub struct Filter {
    #[serde(default)]
    from: u32,
    #[serde(default = "hundred")]
    limit: u32,
    #[serde(default)]
    order_by: Order,
    #[serde(default)]
    dir: Direction,
    search_term: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    #[serde(alias = "alphabetical")]
    Name,
    CanonicalAlias,
    #[serde(alias = "size")]
    JoinedMembers,
    JoinedLocalMembers,
    Version,
    Creator,
    Encryption,
    Federatable,
    Public,
    JoinRules,
    GuestAccess,
    HistoryVisibility,
    StateEvents,
}

/// A page of rooms.
#[derive(Serialize)]
pub struct Rooms {
    rooms: Vec<Room>,
    offset: usize,
    total_rooms: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<usize>,
}

/// A room in the list.
#[derive(Serialize)]
pub struct Room {
    room_id: String,
    name: Option<String>,
    canonical_alias: Option<String>,
    joined_members: i64,
    joined_local_members: i64,
    version: String,
    creator: Option<String>,
    encryption: Option<String>,
    federatable: bool,
    public: bool,
    join_rules: Option<String>,
    guest_access: Option<String>,
    history_visibility: Option<String>,
    state_events: i64,
    room_type: Option<String>,
}

/// More of one room.
#[derive(Serialize)]
pub struct Details {
    #[serde(flatten)]
    room: Room,
    topic: Option<String>,
    avatar: Option<String>,
    joined_local_devices: i64,
    /// Whether no local user is in it any more.
    forgotten: bool,
}

#[derive(Serialize)]
pub struct Members {
    members: Vec<String>,
    total: usize,
}

pub async fn list(
    _: Administrator,
    State(parts): State<Parts>,
    Query(filter): Query<Filter>,
) -> Result<Json<Rooms>, ApiError> {
    if filter.search_term.as_deref() == Some("") {
        return Err(ApiError::invalid_param("search_term must not be empty"));
    }
    let listed = parts.store.read().await?.listed_rooms(None).await?;
    let mut rooms: Vec<Room> = listed.iter().map(to_room).collect();
    if let Some(term) = &filter.search_term {
        rooms.retain(|room| found(room, term));
    }
    rooms.sort_by(|a, b| order(filter.order_by, a, b).then_with(|| a.room_id.cmp(&b.room_id)));
    if filter.dir == Direction::Backwards {
        rooms.reverse();
    }
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (offset, limit, total_rooms) = (size(filter.from), size(filter.limit.min(LIMIT)), rooms.len());
    let next = offset.saturating_add(limit);
    Ok(Json(Rooms {
        rooms: rooms.into_iter().skip(offset).take(limit).collect(),
        offset,
        total_rooms,
        next_batch: (limit > 0 && next < total_rooms).then_some(next),
        prev_batch: (offset > 0).then(|| offset.saturating_sub(limit)),
    }))
}

pub async fn get(
    _: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
) -> Result<Json<Details>, ApiError> {
    let row = known(&parts, room).await?;
    let mut db = parts.store.read().await?;
    let listed = db.listed_rooms(Some(row.sn)).await?.pop().ok_or_else(unknown)?;
    let room = to_room(&listed);
    Ok(Json(Details {
        topic: content(&listed, "m.room.topic", "topic"),
        avatar: content(&listed, "m.room.avatar", "url"),
        joined_local_devices: db.joined_local_devices(row.sn).await?,
        forgotten: room.joined_local_members == 0,
        room,
    }))
}

pub async fn members(
    _: Administrator,
    State(parts): State<Parts>,
    Path(room): Path<String>,
) -> Result<Json<Members>, ApiError> {
    let row = known(&parts, room).await?;
    let mut db = parts.store.read().await?;
    let members: Vec<String> =
        db.members(row.sn, Membership::Join).await?.into_iter().map(|member| member.user_id).collect();
    Ok(Json(Members { total: members.len(), members }))
}

/// A room whose state this server has.
async fn known(parts: &Parts, room: String) -> Result<RoomRow, ApiError> {
    let row = parts.store.read().await?.room_by_id(&room_id(room)?).await?;
    row.filter(|row| row.snapshot.is_some()).ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::not_found("This server does not know the room")
}

/// A part of the name, of the alias before its colon, or of the whole room id.
fn found(room: &Room, term: &str) -> bool {
    let low = term.to_lowercase();
    let within = |text: Option<&str>| text.is_some_and(|text| text.to_lowercase().contains(&low));
    let alias = room.canonical_alias.as_deref().and_then(|alias| alias.split(':').next());
    within(room.name.as_deref()) || within(alias) || room.room_id.contains(term)
}

/// Numbers from the largest, texts from A.
fn order(by: Order, a: &Room, b: &Room) -> Ordering {
    let low = |text: &Option<String>| text.as_deref().unwrap_or_default().to_lowercase();
    match by {
        Order::Name => low(&a.name).cmp(&low(&b.name)),
        Order::CanonicalAlias => low(&a.canonical_alias).cmp(&low(&b.canonical_alias)),
        Order::JoinedMembers => Reverse(a.joined_members).cmp(&Reverse(b.joined_members)),
        Order::JoinedLocalMembers => Reverse(a.joined_local_members).cmp(&Reverse(b.joined_local_members)),
        Order::Version => {
            let number = |room: &Room| (room.version.parse::<u32>().unwrap_or_default(), room.version.clone());
            Reverse(number(a)).cmp(&Reverse(number(b)))
        }
        Order::Creator => a.creator.cmp(&b.creator),
        Order::Encryption => a.encryption.cmp(&b.encryption),
        Order::Federatable => a.federatable.cmp(&b.federatable),
        Order::Public => a.public.cmp(&b.public),
        Order::JoinRules => a.join_rules.cmp(&b.join_rules),
        Order::GuestAccess => a.guest_access.cmp(&b.guest_access),
        Order::HistoryVisibility => a.history_visibility.cmp(&b.history_visibility),
        Order::StateEvents => Reverse(a.state_events).cmp(&Reverse(b.state_events)),
    }
}

fn to_room(listed: &ListedRoom) -> Room {
    let create = event(listed, "m.room.create").unwrap_or_default();
    Room {
        room_id: listed.room_id.to_string(),
        name: content(listed, "m.room.name", "name"),
        canonical_alias: content(listed, "m.room.canonical_alias", "alias"),
        joined_members: listed.joined_members,
        joined_local_members: listed.joined_local_members,
        version: listed.version.clone(),
        creator: create.get("sender").and_then(Value::as_str).map(str::to_owned),
        encryption: content(listed, "m.room.encryption", "algorithm"),
        federatable: create.pointer("/content/m.federate").and_then(Value::as_bool).unwrap_or(true),
        public: listed.published,
        join_rules: content(listed, "m.room.join_rules", "join_rule"),
        guest_access: content(listed, "m.room.guest_access", "guest_access"),
        history_visibility: content(listed, "m.room.history_visibility", "history_visibility"),
        state_events: listed.state_events,
        room_type: content(listed, "m.room.create", "type"),
    }
}

fn event(listed: &ListedRoom, kind: &str) -> Option<Value> {
    serde_json::from_str(listed.state.get(kind)?).ok()
}

fn content(listed: &ListedRoom, kind: &str, field: &str) -> Option<String> {
    Some(event(listed, kind)?.get("content")?.get(field)?.as_str()?.to_owned())
}
