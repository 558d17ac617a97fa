//! Many events as one text: each row of an answer costs a copy of every value and a change of threads, a text of a thousand lines costs one.

use std::borrow::Cow;

use ruma::RoomVersionId;
use serde::Deserialize;

use super::{EventRow, EventSn, KeySn, Position, RoomSn, SnapshotSn, UserSn};
use crate::store::StoreError;

/// Stands between the lines: a control character, which JSON never holds unescaped.
const BETWEEN: char = '\u{1e}';

/// The line of the event `e` with its body `j` in the room `r`; as a macro since queries are literals.
macro_rules! line {
    () => {
        "e.event_sn || ' ' || e.room_sn || ' ' || r.version || ' ' || coalesce(e.position, '-') || ' ' || e.sender_sn || ' '
             || coalesce(e.key_sn, '-') || ' ' || e.depth || ' ' || e.origin_ts || ' ' || coalesce(e.redacted_by, '-') || ' '
             || coalesce(e.snapshot_sn, '-') || ' ' || e.event_id || ' ' || j.json"
    };
}
pub(super) use line;

/// The text of all lines that a query finds, in no order. `$line` is how the query spells a line.
macro_rules! packed {
    ($line:expr) => {
        concat!("group_concat(", $line, ", char(30))")
    };
}
pub(super) use packed;

/// What the body says of itself.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    sender: Cow<'a, str>,
}

/// Reads what [`packed!`] made; nothing when there was no event.
pub(super) fn unpack(packed: Option<String>) -> Result<Vec<EventRow>, StoreError> {
    let Some(packed) = packed else { return Ok(Vec::new()) };
    packed.split(BETWEEN).map(|line| read(line).ok_or(StoreError::Damaged("an event"))).collect()
}

fn read(line: &str) -> Option<EventRow> {
    let mut fields = line.splitn(12, ' ');
    let mut next = || fields.next();
    let number = |text: &str| text.parse::<i64>().ok();
    let perhaps = |text: &str| if text == "-" { Some(None) } else { number(text).map(Some) };
    let (event, room) = (EventSn(number(next()?)?), RoomSn(number(next()?)?));
    let version = RoomVersionId::try_from(next()?).ok()?;
    let position = perhaps(next()?)?.map(Position);
    let sender = UserSn(number(next()?)?);
    let key = perhaps(next()?)?.map(KeySn);
    let (depth, origin_ts) = (number(next()?)?, number(next()?)?);
    let redacted_by = perhaps(next()?)?.map(EventSn);
    let snapshot = perhaps(next()?)?.map(SnapshotSn);
    let event_id = next()?.try_into().ok()?;
    let json = next()?;
    let head: Head<'_> = serde_json::from_str(json).ok()?;
    Some(EventRow {
        event,
        event_id,
        room,
        version,
        position,
        sender,
        sender_id: head.sender.as_ref().try_into().ok()?,
        event_type: head.kind.into_owned(),
        key,
        depth,
        origin_ts,
        redacted_by,
        snapshot,
        json: json.to_owned(),
    })
}
