//! What a connection was told, in one compact row: its last two points, each with the rooms it covers.

use std::collections::BTreeMap;

use ruma::{OneTimeKeyAlgorithm, UInt};
use serde::{Deserialize, Serialize};

use super::{RequiredState, SyncError};
use crate::store::{Position, RoomSn, StoreError};

/// A connection, as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Connection {
    /// Two at most, the older first.
    points: Vec<Point>,
}

/// What the client knows when it has this answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) pos: u64,
    /// Up to where the server's stream was told.
    pub(super) token: Position,
    /// Sizes of the lists.
    pub(super) lists: BTreeMap<String, usize>,
    /// What was told of one-time and fallback keys.
    pub(super) keys: Option<Keys>,
    /// Which extensions that have a part by room were on.
    pub(super) extensions: Extensions,
    /// The different sets of required state, named by their index.
    configs: Vec<RequiredState>,
    rooms: BTreeMap<RoomSn, Row>,
}

/// One-time keys by algorithm and unused fallback keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Keys(pub(super) BTreeMap<OneTimeKeyAlgorithm, UInt>, pub(super) Vec<OneTimeKeyAlgorithm>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Extensions {
    pub(super) account_data: bool,
    pub(super) receipts: bool,
    pub(super) typing: bool,
    #[serde(default)]
    pub(super) thread_subscriptions: bool,
}

/// A room's row: up to where it was told (0: up to the point's token), the timeline limit, the index of its required state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Row(i64, usize, usize);

static NOTHING: RequiredState = RequiredState::nothing();

/// What a room was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told<'a> {
    /// Up to where.
    pub(super) upto: Position,
    /// Whether the point's request was about the room; else it is remembered from before.
    pub(super) live: bool,
    pub(super) timeline_limit: usize,
    pub(super) required_state: &'a RequiredState,
}

impl Connection {
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, SyncError> {
        Ok(serde_json::to_vec(self).map_err(|_| StoreError::Damaged("a sliding sync connection"))?)
    }

    /// The point that a client names by `pos`.
    pub(super) fn point(&self, pos: &str) -> Option<&Point> {
        let pos: u64 = pos.parse().ok()?;
        self.points.iter().find(|point| point.pos == pos)
    }

    /// The connection once `next` was answered to a request that named `base`: those two are kept.
    pub(super) fn after(&self, base: Option<&Point>, next: Point) -> Self {
        Self { points: base.cloned().into_iter().chain([next]).collect() }
    }
}

impl Point {
    pub(super) fn new(pos: u64, token: Position) -> Self {
        Self {
            pos,
            token,
            lists: BTreeMap::new(),
            keys: None,
            extensions: Extensions::default(),
            configs: Vec::new(),
            rooms: BTreeMap::new(),
        }
    }

    /// What was told of a room; none when nothing was.
    pub(super) fn told(&self, room: RoomSn) -> Option<Told<'_>> {
        self.rooms.get(&room).map(|row| self.read(*row))
    }

    /// All rooms that were told of.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (RoomSn, Told<'_>)> {
        self.rooms.iter().map(|(room, row)| (*room, self.read(*row)))
    }

    /// The oldest position that any room was told up to.
    pub(super) fn oldest(&self) -> Position {
        self.rooms.values().filter(|row| row.0 > 0).map(|row| Position(row.0)).min().unwrap_or(self.token)
    }

    /// The room is told up to this point. Required state that was ever asked goes on being told.
    pub(super) fn tell(&mut self, room: RoomSn, limit: usize, before: Option<&Told<'_>>, required: &RequiredState) {
        match before {
            Some(before) if required.beyond(before.required_state).is_empty() => {
                self.put(room, 0, limit, before.required_state);
            }
            Some(before) => {
                let mut all = required.clone();
                all.extend(before.required_state);
                self.put(room, 0, limit, &all);
            }
            None => self.put(room, 0, limit, required),
        }
    }

    /// The room is not told anything now, and remembered as it was.
    pub(super) fn keep(&mut self, room: RoomSn, told: &Told<'_>) {
        self.put(room, told.upto.0, told.timeline_limit, told.required_state);
    }

    fn put(&mut self, room: RoomSn, upto: i64, limit: usize, required: &RequiredState) {
        let config = match self.configs.iter().position(|known| known == required) {
            Some(index) => index,
            None => {
                self.configs.push(required.clone());
                self.configs.len() - 1
            }
        };
        self.rooms.insert(room, Row(upto, limit, config));
    }

    fn read(&self, Row(upto, timeline_limit, config): Row) -> Told<'_> {
        Told {
            upto: if upto == 0 { self.token } else { Position(upto) },
            live: upto == 0,
            timeline_limit,
            required_state: self.configs.get(config).unwrap_or(&NOTHING),
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::events::StateEventType;

    use super::{Connection, Point, Position, RequiredState, RoomSn};

    fn required(types: &[&str]) -> RequiredState {
        let pairs: Vec<_> = types.iter().map(|name| (StateEventType::from(*name), String::new())).collect();
        RequiredState::new(&pairs)
    }

    #[test]
    fn two_points_are_known_and_older_ones_are_not() {
        let first = Connection::default().after(None, Point::new(1, Position(10)));
        let second = first.after(first.point("1"), Point::new(2, Position(20)));
        let third = second.after(second.point("2"), Point::new(3, Position(30)));
        assert_eq!(second.point("1").unwrap().token, Position(10));
        assert!(third.point("1").is_none());
        assert!(third.point("nonsense").is_none());
        // The answer 3 was lost: the client asks again with 2 and gets another.
        let again = third.after(third.point("2"), Point::new(4, Position(40)));
        assert!(again.point("3").is_none());
        assert_eq!(again.point("2").unwrap().token, Position(20));
        let read = Connection::from_bytes(&again.to_bytes().unwrap()).unwrap();
        assert_eq!(read.point("4"), again.point("4"));
    }

    #[test]
    fn a_room_out_of_sight_is_remembered_where_it_was() {
        let mut first = Point::new(1, Position(10));
        first.tell(RoomSn(5), 1, None, &required(&["m.room.name"]));
        first.tell(RoomSn(6), 1, None, &required(&["m.room.name"]));
        assert_eq!(first.configs.len(), 1);
        let mut second = Point::new(2, Position(20));
        second.keep(RoomSn(5), &first.told(RoomSn(5)).unwrap());
        let before = first.told(RoomSn(6)).unwrap();
        second.tell(RoomSn(6), 20, Some(&before), &required(&["m.room.topic"]));
        assert_eq!(second.told(RoomSn(5)).unwrap().upto, Position(10));
        assert_eq!(second.oldest(), Position(10));
        let told = second.told(RoomSn(6)).unwrap();
        assert_eq!((told.upto, told.timeline_limit), (Position(20), 20));
        assert_eq!(*told.required_state, required(&["m.room.name", "m.room.topic"]));
        assert!(second.told(RoomSn(7)).is_none());
    }
}
