//! History visibility: which events of a room a member may see.

use ruma::UserId;
use serde::Deserialize;

use crate::store::{Db, EventRow, LocalRoom, Position, StateChange, StoreError};

use super::Viewer;

/// Whom a room shows its history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HistoryVisibility {
    WorldReadable,
    #[default]
    Shared,
    Invited,
    Joined,
    /// An unknown value counts as `shared`.
    #[serde(other)]
    Unknown,
}

/// A viewer's membership, as far as visibility asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Seen {
    Join,
    Invite,
    #[default]
    #[serde(other)]
    Other,
}

/// How a value of the state went: each change's position and what stood before, and what stands now.
pub(super) struct Course<T> {
    changes: Vec<(Position, T)>,
    now: T,
}

impl<T: Copy> Course<T> {
    pub(super) fn new(changes: Vec<(Position, T)>, now: T) -> Self {
        Self { changes, now }
    }

    /// What stood before the event at `position`.
    pub(super) fn before(&self, position: Position) -> T {
        self.changes.iter().find(|(at, _)| *at >= position).map_or(self.now, |(_, before)| *before)
    }

    /// What stood after it.
    fn after(&self, position: Position) -> T {
        self.changes.iter().find(|(at, _)| *at > position).map_or(self.now, |(_, before)| *before)
    }
}

/// Whether a user who is (or was) in the room may see the event at `position`, by the specification's rules.
pub(super) fn may_see(visibility: &Course<HistoryVisibility>, own: &Course<Seen>, position: Position) -> bool {
    allows(visibility.before(position), own.before(position)) || allows(visibility.after(position), own.after(position))
}

fn allows(visibility: HistoryVisibility, own: Seen) -> bool {
    match visibility {
        // Who asks has been joined since, or `visible` would not have been asked.
        HistoryVisibility::WorldReadable | HistoryVisibility::Shared | HistoryVisibility::Unknown => true,
        HistoryVisibility::Invited => matches!(own, Seen::Invite | Seen::Join),
        HistoryVisibility::Joined => own == Seen::Join,
    }
}

/// Leaves out what the viewer may not see. Events since the viewer joined are seen without a look at the state.
pub(super) async fn visible(
    db: &mut Db,
    viewer: &Viewer,
    room: &LocalRoom,
    rows: Vec<EventRow>,
) -> Result<Vec<EventRow>, StoreError> {
    let Some(joined) = room.joined_position else { return Ok(Vec::new()) };
    let Some(oldest) = rows.iter().filter_map(|row| row.position).min() else { return Ok(rows) };
    if oldest >= joined {
        return Ok(rows);
    }
    let after = Position(oldest.0.saturating_sub(1));
    let changes = db.state_changes_of(room.room, "m.room.history_visibility", "", after).await?;
    let now = db.state_json(room.room, "m.room.history_visibility", "").await?;
    let visibility = course(db, changes, now.as_deref(), history_visibility).await?;
    let own = own_course(db, &viewer.user_id, room, after).await?;
    Ok(rows.into_iter().filter(|row| row.position.is_some_and(|at| at >= joined || may_see(&visibility, &own, at))).collect())
}

async fn own_course(db: &mut Db, me: &UserId, room: &LocalRoom, after: Position) -> Result<Course<Seen>, StoreError> {
    let changes = db.state_changes_of(room.room, "m.room.member", me.as_str(), after).await?;
    let now = db.state_json(room.room, "m.room.member", me.as_str()).await?;
    course(db, changes, now.as_deref(), membership).await
}

/// Reads the values that stood before each change; a missing one is the type's default.
async fn course<T: Copy + Default>(
    db: &mut Db,
    changes: Vec<StateChange>,
    now: Option<&str>,
    read: fn(&str) -> Option<T>,
) -> Result<Course<T>, StoreError> {
    let mut values = Vec::with_capacity(changes.len());
    for change in changes {
        let before = match change.previous {
            Some(event) => db.event_rows(&[event]).await?.first().and_then(|row| read(&row.json)),
            None => None,
        };
        values.push((change.position, before.unwrap_or_default()));
    }
    Ok(Course::new(values, now.and_then(read).unwrap_or_default()))
}

fn history_visibility(json: &str) -> Option<HistoryVisibility> {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        history_visibility: HistoryVisibility,
    }
    serde_json::from_str::<Event>(json).ok().map(|event| event.content.history_visibility)
}

fn membership(json: &str) -> Option<Seen> {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        membership: Seen,
    }
    serde_json::from_str::<Event>(json).ok().map(|event| event.content.membership)
}
