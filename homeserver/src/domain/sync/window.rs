//! A window on a room's timeline: the newest events after a point, cut at a hole or at a limit.

use std::collections::BTreeSet;

use crate::{
    domain::rooms::Rooms,
    store::{Db, EventRow, EventSn, LocalRoom, Membership, Position, StoreError},
};

use super::{Viewer, ignored::Ignored};

/// Events that are read before a filter that lets few through gives up.
const MOST_READ: usize = 2000;

/// Events that a client gets.
#[derive(Debug)]
pub(super) struct Window {
    /// Oldest first.
    pub(super) events: Vec<EventRow>,
    /// Whether events between the point and the first of these were left out.
    pub(super) limited: bool,
    /// The point just before the first event.
    pub(super) before: Position,
}

impl Window {
    /// Where the window's timeline starts.
    pub(super) fn start(&self) -> Position {
        Position(self.before.0.saturating_add(1))
    }
}

/// What to read.
pub(super) struct Wanted<'a> {
    pub(super) rooms: &'a Rooms,
    pub(super) viewer: &'a Viewer,
    pub(super) room: &'a LocalRoom,
    /// The point that the client has everything up to; `None`: nothing.
    pub(super) after: Option<Position>,
    pub(super) upto: Position,
    pub(super) limit: usize,
    pub(super) ignored: &'a Ignored,
}

/// How many events are read first for a window of this length: one more tells whether there are others.
pub(super) fn page(limit: usize) -> usize {
    limit.saturating_add(1).clamp(1, 200)
}

/// Reads the newest events that the viewer may see and `keep` lets through.
pub(super) async fn read(
    db: &mut Db,
    wanted: Wanted<'_>,
    keep: impl Fn(&EventRow) -> bool,
) -> Result<Window, StoreError> {
    let Wanted { rooms, viewer, room, after, upto, limit, ignored } = wanted;
    let after = after.unwrap_or(Position(i64::MIN));
    let gap = db.newest_gap(room.room, after, upto).await?;
    // Nothing older than the newest hole is shown: pagination fetches it.
    let floor = gap.map_or(after, |gap| Position(gap.0.saturating_sub(1)));
    let mut events: Vec<EventRow> = Vec::new();
    let (mut top, mut read, mut more) = (upto, 0, gap.is_some());
    let page = page(limit);
    while events.len() <= limit && read < MOST_READ {
        let rows = db.timeline(room.room, floor, top, page).await?;
        let last = rows.len() < page;
        read += rows.len();
        if let Some(oldest) = rows.last().and_then(|row| row.position) {
            top = Position(oldest.0.saturating_sub(1));
        }
        let rows = visible(db, rooms, viewer, room, rows).await?;
        events.extend(rows.into_iter().filter(|row| !ignored.hides(row) && keep(row)));
        if last {
            break;
        }
        more |= read >= MOST_READ;
    }
    if events.len() > limit {
        events.truncate(limit);
        more = true;
    }
    events.reverse();
    let before = match events.first().and_then(|event| event.position) {
        Some(first) => Position(first.0.saturating_sub(1)),
        // Nothing to show: what is there is all older than the point up to which we looked (nothing was, when nothing is wanted).
        None if more && limit > 0 => top,
        None => upto,
    };
    Ok(Window { events, limited: more, before })
}

/// Leaves out what the viewer may not see. Events since the viewer joined are seen without a look at the state.
async fn visible(
    db: &mut Db,
    rooms: &Rooms,
    viewer: &Viewer,
    room: &LocalRoom,
    rows: Vec<EventRow>,
) -> Result<Vec<EventRow>, StoreError> {
    let joined = room.joined_position.filter(|_| room.membership == Membership::Join);
    if rows.iter().all(|row| row.position.zip(joined).is_some_and(|(position, joined)| position >= joined)) {
        return Ok(rows);
    }
    let stored = rows.iter().map(EventRow::stored).collect();
    let visible = rooms.visible(db, viewer.user, &viewer.user_id, room.room, stored).await?;
    let visible: BTreeSet<EventSn> = visible.into_iter().map(|event| event.sn).collect();
    Ok(rows.into_iter().filter(|row| visible.contains(&row.event)).collect())
}
