//! Lists: rooms filtered, sorted by recency, cut by ranges.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruma::{OwnedRoomId, UInt, api::client::sync::sync_events::v5::request::ListFilters, directory::RoomTypeFilter};

use crate::{
    domain::sync::{SyncError, stripped, summary},
    store::{Db, LocalRoom, Membership, Position, RoomSn, StoreError, UserSn},
};

use super::Pass;

/// A room as lists see it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) room: RoomSn,
    /// When something happened that lifts the room to the top.
    pub(super) bump: Position,
    invite: bool,
    dm: bool,
    /// False unless a filter asks.
    encrypted: bool,
    /// None unless a filter asks.
    room_type: Option<String>,
}

/// The rooms that the viewer's m.direct names.
pub(super) async fn dms(db: &mut Db, user: UserSn) -> Result<BTreeSet<OwnedRoomId>, StoreError> {
    let content = db.account_data(user, RoomSn::GLOBAL, "m.direct").await?;
    let direct = content.and_then(|json| serde_json::from_str::<BTreeMap<String, Vec<String>>>(&json).ok());
    Ok(direct.into_iter().flat_map(BTreeMap::into_values).flatten().filter_map(|id| id.try_into().ok()).collect())
}

/// Looks up what the request's filters ask about each room. Invites that the viewer does not want are not there.
pub(super) async fn entries(
    db: &mut Db,
    pass: &Pass<'_>,
    rooms: &BTreeMap<RoomSn, LocalRoom>,
    bumps: &HashMap<RoomSn, Position>,
) -> Result<Vec<Entry>, SyncError> {
    let filters = || pass.request.lists.values().filter_map(|list| list.filters.as_ref());
    let by_encryption = filters().any(|filter| filter.is_encrypted.is_some());
    let by_type = filters().any(|filter| !filter.room_types.is_empty() || !filter.not_room_types.is_empty());
    let mut entries = Vec::with_capacity(rooms.len());
    for room in rooms.values() {
        let mut entry = Entry {
            room: room.room,
            bump: bumps.get(&room.room).copied().unwrap_or(room.position),
            invite: room.membership == Membership::Invite,
            dm: pass.dms.contains(&room.room_id),
            encrypted: false,
            room_type: None,
        };
        if room.membership == Membership::Join {
            if by_encryption {
                entry.encrypted = summary::is_encrypted(db, room.room).await?;
            }
            if by_type {
                entry.room_type = summary::room_type(db, room.room).await?;
            }
        } else {
            let stripped = stripped::state(db, pass.viewer, room).await?;
            if entry.invite && pass.ignored.hides_invite(stripped.inviter.as_deref()) {
                continue;
            }
            entry.encrypted = stripped.content("m.room.encryption").is_some();
            let create = stripped.content("m.room.create");
            entry.room_type = create.and_then(|content| content.get("type")?.as_str().map(str::to_owned));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The rooms that a filter lets through, the newest first.
pub(super) fn sorted(entries: &[Entry], filter: Option<&ListFilters>) -> Vec<RoomSn> {
    let mut entries: Vec<&Entry> =
        entries.iter().filter(|entry| filter.is_none_or(|filter| fits(filter, entry))).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.bump, entry.room)));
    entries.into_iter().map(|entry| entry.room).collect()
}

fn fits(filter: &ListFilters, entry: &Entry) -> bool {
    let of_type = |filters: &[RoomTypeFilter]| {
        filters.iter().any(|wanted| match wanted {
            RoomTypeFilter::Default => entry.room_type.is_none(),
            other => entry.room_type.as_deref() == other.as_str(),
        })
    };
    filter.is_dm.is_none_or(|dm| dm == entry.dm)
        && filter.is_invite.is_none_or(|invite| invite == entry.invite)
        && filter.is_encrypted.is_none_or(|encrypted| encrypted == entry.encrypted)
        && (filter.room_types.is_empty() || of_type(&filter.room_types))
        && !of_type(&filter.not_room_types)
}

/// The rooms at the places that the ranges name, both ends inclusive.
pub(super) fn in_ranges(rooms: &[RoomSn], ranges: &[(UInt, UInt)]) -> BTreeSet<RoomSn> {
    let place = |place: UInt| usize::try_from(u64::from(place)).unwrap_or(usize::MAX);
    ranges
        .iter()
        .flat_map(|(from, to)| {
            let (from, to) = (place(*from), place(*to));
            rooms.iter().take(to.saturating_add(1)).skip(from)
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use ruma::uint;

    use super::{Entry, ListFilters, Position, RoomSn, RoomTypeFilter, UInt, in_ranges, sorted};

    fn entry(room: i64, bump: i64) -> Entry {
        Entry { room: RoomSn(room), bump: Position(bump), invite: false, dm: false, encrypted: false, room_type: None }
    }

    #[test]
    fn the_newest_room_is_the_first() {
        let entries = [entry(1, 10), entry(2, 30), entry(3, 20)];
        assert_eq!(sorted(&entries, None), [RoomSn(2), RoomSn(3), RoomSn(1)]);
    }

    #[test]
    fn filters_are_all_to_be_met() {
        let mut space = entry(1, 1);
        space.room_type = Some("m.space".to_owned());
        let mut invite = entry(2, 2);
        invite.invite = true;
        let mut secret = entry(3, 3);
        (secret.encrypted, secret.dm) = (true, true);
        let entries = [space, invite, secret, entry(4, 4)];
        let fitting = |change: fn(&mut ListFilters)| {
            let mut filter = ListFilters::default();
            change(&mut filter);
            sorted(&entries, Some(&filter)).into_iter().map(|room| room.0).collect::<Vec<_>>()
        };
        assert_eq!(fitting(|_| ()), [4, 3, 2, 1]);
        assert_eq!(fitting(|f| f.is_invite = Some(true)), [2]);
        assert_eq!(fitting(|f| f.is_invite = Some(false)), [4, 3, 1]);
        assert_eq!(fitting(|f| f.is_dm = Some(true)), [3]);
        assert_eq!(fitting(|f| f.is_encrypted = Some(false)), [4, 2, 1]);
        assert_eq!(fitting(|f| f.room_types = vec![RoomTypeFilter::Space]), [1]);
        assert_eq!(fitting(|f| f.room_types = vec![RoomTypeFilter::Default]), [4, 3, 2]);
        assert_eq!(fitting(|f| f.not_room_types = vec![RoomTypeFilter::Space]), [4, 3, 2]);
        assert_eq!(fitting(|f| (f.is_dm, f.is_encrypted) = (Some(true), Some(false))), [0_i64; 0]);
    }

    #[test]
    fn ranges_are_inclusive_and_may_reach_too_far() {
        let rooms: Vec<RoomSn> = (0..10).map(RoomSn).collect();
        let places =
            |ranges: &[(UInt, UInt)]| in_ranges(&rooms, ranges).into_iter().map(|room| room.0).collect::<Vec<_>>();
        assert_eq!(places(&[(uint!(0), uint!(2))]), [0, 1, 2]);
        assert_eq!(places(&[(uint!(0), uint!(1)), (uint!(8), uint!(99))]), [0, 1, 8, 9]);
        assert_eq!(places(&[(uint!(20), uint!(30))]), [0_i64; 0]);
        assert_eq!(places(&[(uint!(5), uint!(3))]), [0_i64; 0]);
    }
}
