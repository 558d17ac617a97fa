//! POST /_matrix/client/v3/search: finds what was said, by its words.

mod context;

use std::collections::{BTreeMap, HashMap};

use ruma::{
    OwnedRoomId, UInt,
    api::client::search::search_events::v3::{
        Categories, Criteria, Grouping, GroupingKey, OrderBy, Request, Response, ResultCategories, ResultGroup,
        ResultGroupMap, ResultRoomEvents, SearchKeys, SearchResult,
    },
};

use super::room::{filter::allows, show};
use crate::{
    api::{auth::Sender, error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::{
        accounts::{Accounts, Limit},
        events::versions,
        rooms::{Rooms, SearchGroup, SearchResults, SearchToken, SearchWish},
    },
    store::{RoomRow, RoomSn, SearchHit, SearchIn},
};

/// Results of one page when the client does not say, and at most.
const RESULTS: usize = 10;
const MOST: usize = 100;
/// The longest search term, in characters.
const LONGEST_TERM: usize = 1000;

pub async fn search_events(
    (rooms, accounts, clock): (Rooms, Accounts, Clock),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    request.sender.take(&accounts, "search", Limit::LOOK_UP)?;
    let Categories { room_events: Some(criteria), .. } = &request.search_categories else {
        return Ok(Response::new(ResultCategories::new()));
    };
    let from = match &request.next_batch {
        Some(token) => Some(SearchToken::decode(token).ok_or_else(|| ApiError::invalid_param("Unknown next_batch"))?),
        None => None,
    };
    let grouped = groupings(&criteria.groupings.group_by)?;
    let wish = wish(&rooms, &request.sender, criteria, from).await?;
    let filter = &criteria.filter;
    let found =
        rooms.search(request.sender.user, &request.sender.user_id, &wish, |hit| allows(filter, &hit.event)).await?;
    let mut categories = ResultCategories::new();
    categories.room_events = answer(&rooms, &request.sender, &clock, criteria, &grouped, found).await?;
    Ok(Response::new(categories))
}

fn groupings(wanted: &[Grouping]) -> Result<Vec<GroupingKey>, ApiError> {
    let mut keys = Vec::new();
    for key in wanted.iter().filter_map(|grouping| grouping.key.clone()) {
        if !matches!(key, GroupingKey::RoomId | GroupingKey::Sender) {
            return Err(ApiError::invalid_param("Results are grouped by room_id or sender"));
        }
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

async fn wish(
    rooms: &Rooms,
    sender: &Sender,
    criteria: &Criteria,
    from: Option<SearchToken>,
) -> Result<SearchWish, ApiError> {
    if criteria.search_term.chars().nth(LONGEST_TERM).is_some() {
        return Err(ApiError::invalid_param("The search term is too long"));
    }
    let by_rank = match &criteria.order_by {
        None | Some(OrderBy::Rank) => true,
        Some(OrderBy::Recent) => false,
        Some(_) => return Err(ApiError::invalid_param("Results are ordered by rank or recent")),
    };
    let mut within = SearchIn { body: true, name: true, topic: true };
    if let Some(keys) = criteria.keys.as_ref().filter(|keys| !keys.is_empty()) {
        within = SearchIn { body: false, name: false, topic: false };
        for key in keys {
            match key {
                SearchKeys::ContentBody => within.body = true,
                SearchKeys::ContentName => within.name = true,
                SearchKeys::ContentTopic => within.topic = true,
                _ => {
                    return Err(ApiError::invalid_param("One can search content.body, content.name and content.topic"));
                }
            }
        }
    }
    let limit = criteria.filter.limit.map_or(RESULTS, |limit| usize::try_from(u64::from(limit)).unwrap_or(MOST));
    Ok(SearchWish {
        term: criteria.search_term.clone(),
        within,
        rooms: searched(rooms, sender, criteria).await?,
        by_rank,
        limit: limit.clamp(1, MOST),
        from,
    })
}

/// The rooms that the user is or was in, as far as the filter names them.
async fn searched(rooms: &Rooms, sender: &Sender, criteria: &Criteria) -> Result<Vec<RoomSn>, ApiError> {
    let mut db = rooms.store().read().await?;
    let filter = &criteria.filter;
    let mut searched = Vec::new();
    for mine in db.local_memberships(sender.user).await? {
        if mine.joined_position.is_none() {
            continue;
        }
        if filter.rooms.is_some() || !filter.not_rooms.is_empty() {
            let room_id = db.room_id(mine.room_sn).await?;
            let named = filter.rooms.as_ref().is_none_or(|rooms| rooms.contains(&room_id));
            if !named || filter.not_rooms.contains(&room_id) {
                continue;
            }
        }
        searched.push(mine.room_sn);
    }
    Ok(searched)
}

async fn answer(
    rooms: &Rooms,
    sender: &Sender,
    clock: &Clock,
    criteria: &Criteria,
    grouped: &[GroupingKey],
    found: SearchResults,
) -> Result<ResultRoomEvents, ApiError> {
    let mut known: HashMap<RoomSn, RoomRow> = HashMap::new();
    let mut results = ResultRoomEvents::new();
    for hit in &found.hits {
        let room = match known.get(&hit.event.room) {
            Some(room) => room.clone(),
            None => {
                let room = rooms.store().read().await?.room(hit.event.room).await?;
                known.insert(room.sn, room.clone());
                room
            }
        };
        // Rooms of versions that this server does not know any more are not told of.
        let Some(rules) = versions::rules(&room.version) else { continue };
        let events = std::slice::from_ref(&hit.event);
        let mut result = SearchResult::new();
        result.rank = Some(hit.rank);
        result.result = show(rooms, sender, clock.now_ms(), &room.room_id, &rules, events).await?.into_iter().next();
        result.context =
            context::around(rooms, sender, clock, &room, &rules, &hit.event, &criteria.event_context).await?;
        results.results.push(result);
    }
    if criteria.include_state == Some(true) {
        for room in known.values() {
            let Some(rules) = versions::rules(&room.version) else { continue };
            let state = rooms.state_for(sender.user, room).await?;
            let shown = show(rooms, sender, clock.now_ms(), &room.room_id, &rules, &state).await?;
            results.state.insert(room.room_id.clone(), shown);
        }
    }
    results.groups = groups(rooms, grouped, &known, &found).await?.into_iter().collect();
    results.count = UInt::try_from(found.count).ok();
    results.next_batch = found.next.as_ref().map(SearchToken::encode);
    results.highlights = found.words.iter().map(|word| word.to_lowercase()).collect();
    Ok(results)
}

async fn groups(
    rooms: &Rooms,
    grouped: &[GroupingKey],
    known: &HashMap<RoomSn, RoomRow>,
    found: &SearchResults,
) -> Result<Vec<ResultGroupMap>, ApiError> {
    let mut maps = Vec::new();
    for key in grouped {
        let map = match key {
            GroupingKey::RoomId => {
                let mut by_room: BTreeMap<OwnedRoomId, ResultGroup> = BTreeMap::new();
                for hit in &found.hits {
                    let Some(room) = known.get(&hit.event.room) else { continue };
                    put(&mut by_room, room.room_id.clone(), hit, &SearchGroup::Room(room.sn), found);
                }
                ResultGroupMap::RoomId(by_room)
            }
            _ => {
                let mut db = rooms.store().read().await?;
                let mut by_sender = BTreeMap::new();
                for hit in &found.hits {
                    let sender = db.user_id(hit.event.sender).await?;
                    put(&mut by_sender, sender, hit, &SearchGroup::Sender(hit.event.sender), found);
                }
                ResultGroupMap::Sender(by_sender)
            }
        };
        maps.push(map);
    }
    Ok(maps)
}

fn put<K: Ord>(
    groups: &mut BTreeMap<K, ResultGroup>,
    key: K,
    hit: &SearchHit,
    group: &SearchGroup,
    found: &SearchResults,
) {
    let order = UInt::try_from(groups.len() + 1).ok();
    let entry = groups.entry(key).or_insert_with(|| {
        let mut new = ResultGroup::new();
        new.order = order;
        new.next_batch = found.group_next.get(group).map(SearchToken::encode);
        new
    });
    entry.results.push(hit.event.event_id.clone());
}
