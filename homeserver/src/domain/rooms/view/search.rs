//! Search: what a user may see of the events in which words stand, page by page.

use std::collections::{BTreeSet, HashMap};

use ruma::{OwnedUserId, UserId};

use crate::store::{Db, EventSn, RoomSn, Search, SearchHit, SearchIn, StoreError, UserSn, search_words};

use super::{super::Rooms, ignored::ignored_users};

/// Hits that are looked at together, and how often for one page.
const WINDOW: i64 = 500;
const WINDOWS: i64 = 4;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchToken {
    /// Whole windows of hits that earlier pages have gone through.
    window: i64,
    /// Visible hits of the window that earlier pages gave.
    offset: usize,
    upto: EventSn,
    /// The one group that is asked for.
    pub group: Option<Group>,
}

/// One group of results.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Room(RoomSn),
    Sender(UserSn),
}

impl Group {
    fn holds(&self, hit: &SearchHit) -> bool {
        match self {
            Self::Room(room) => hit.event.room == *room,
            Self::Sender(sender) => hit.event.sender == *sender,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Wish {
    pub term: String,
    pub within: SearchIn,
    pub rooms: Vec<RoomSn>,
    pub by_rank: bool,
    pub limit: usize,
    pub from: Option<SearchToken>,
}

/// A page of results.
#[derive(Debug)]
pub struct SearchResults {
    pub words: Vec<String>,
    pub hits: Vec<SearchHit>,
    /// Visible hits, as far as they were counted.
    pub count: usize,
    pub next: Option<SearchToken>,
    /// Where a group goes on whose members were not all on the page.
    pub group_next: HashMap<Group, SearchToken>,
}

impl Rooms {
    /// Events that the user may see and `keep` lets through.
    pub async fn search(
        &self,
        user: UserSn,
        user_id: &UserId,
        wish: &Wish,
        keep: impl Fn(&SearchHit) -> bool,
    ) -> Result<SearchResults, StoreError> {
        self.index_now().await?;
        let mut db = self.store.read().await?;
        let words = search_words(&wish.term);
        let ignored = ignored_users(&mut db, user).await?;
        let mut at = match &wish.from {
            Some(token) => token.clone(),
            None => SearchToken { window: 0, offset: 0, upto: db.newest_event().await?, group: None },
        };
        let mut results = SearchResults { words, hits: Vec::new(), count: 0, next: None, group_next: HashMap::new() };
        for _ in 0..WINDOWS {
            let search = Search {
                words: &results.words,
                within: wish.within,
                rooms: &wish.rooms,
                upto: at.upto,
                by_rank: wish.by_rank,
                offset: at.window * WINDOW,
                limit: WINDOW,
            };
            let found = db.search(&search).await?;
            let full = i64::try_from(found.len()).is_ok_and(|count| count >= WINDOW);
            let visible = self.visible_hits(&mut db, user, user_id, found, &ignored, &keep).await?;
            results.count += visible.len();
            let mut upto = at.offset;
            for hit in visible.iter().skip(at.offset) {
                if results.hits.len() >= wish.limit {
                    break;
                }
                upto += 1;
                if at.group.as_ref().is_none_or(|group| group.holds(hit)) {
                    results.hits.push(hit.clone());
                }
            }
            let rest = visible.get(upto..).unwrap_or_default();
            let goes_on = |group: &Option<Group>| {
                full || rest.iter().any(|hit| group.as_ref().is_none_or(|group| group.holds(hit)))
            };
            if results.hits.len() >= wish.limit {
                let next = |group: Option<Group>| {
                    let token = SearchToken { window: at.window, offset: upto, upto: at.upto, group };
                    goes_on(&token.group).then_some(token)
                };
                for group in groups_of(&results.hits) {
                    results.group_next.extend(next(Some(group.clone())).map(|token| (group, token)));
                }
                results.next = next(at.group.clone());
                return Ok(results);
            }
            if !full {
                return Ok(results);
            }
            at = SearchToken { window: at.window + 1, offset: 0, ..at };
        }
        results.next = Some(at);
        Ok(results)
    }

    async fn visible_hits(
        &self,
        db: &mut Db,
        user: UserSn,
        user_id: &UserId,
        hits: Vec<SearchHit>,
        ignored: &BTreeSet<OwnedUserId>,
        keep: impl Fn(&SearchHit) -> bool,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let mut hidden: HashMap<UserSn, bool> = HashMap::new();
        let mut visible = Vec::with_capacity(hits.len());
        for hit in hits {
            if !keep(&hit) {
                continue;
            }
            let hide = match hidden.get(&hit.event.sender) {
                Some(hide) => *hide,
                None => {
                    let hide = !ignored.is_empty() && ignored.contains(&db.user_id(hit.event.sender).await?);
                    hidden.insert(hit.event.sender, hide);
                    hide
                }
            };
            if hide && hit.event.key.is_none() {
                continue;
            }
            let room = hit.event.room;
            if !self.visible(db, user, user_id, room, vec![hit.event.clone()]).await?.is_empty() {
                visible.push(hit);
            }
        }
        Ok(visible)
    }
}

fn groups_of(hits: &[SearchHit]) -> BTreeSet<Group> {
    hits.iter().flat_map(|hit| [Group::Room(hit.event.room), Group::Sender(hit.event.sender)]).collect()
}

impl SearchToken {
    /// As clients carry it.
    pub fn encode(&self) -> String {
        let group = match &self.group {
            None => String::new(),
            Some(Group::Room(room)) => format!(".r{}", room.0),
            Some(Group::Sender(sender)) => format!(".s{}", sender.0),
        };
        format!("{}.{}.{}{group}", self.window, self.offset, self.upto.0)
    }

    /// What [`SearchToken::encode`] made.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let window: i64 = parts.next()?.parse().ok()?;
        let offset: usize = parts.next()?.parse().ok()?;
        let upto = EventSn(parts.next()?.parse().ok()?);
        let group = match parts.next() {
            None => None,
            Some(group) => match (group.get(..1)?, group.get(1..)?.parse().ok()?) {
                ("r", room) => Some(Group::Room(RoomSn(room))),
                ("s", sender) => Some(Group::Sender(UserSn(sender))),
                _ => return None,
            },
        };
        let possible = (0..i64::MAX / WINDOW).contains(&window) && upto.0 >= 0 && parts.next().is_none();
        possible.then_some(Self { window, offset, upto, group })
    }
}

#[cfg(test)]
mod tests {
    use super::{EventSn, Group, RoomSn, SearchToken};

    #[test]
    fn a_token_comes_back_and_nothing_else_is_one() {
        let token = SearchToken { window: 2, offset: 7, upto: EventSn(9), group: Some(Group::Room(RoomSn(3))) };
        assert_eq!(SearchToken::decode(&token.encode()), Some(token));
        let wrong = [
            "",
            "1",
            "1.2",
            "1.2.x",
            "1.2.3.x4",
            "1.2.3.r",
            "1.2.3.r4.5",
            "-1.2.3",
            "9223372036854775807.0.0",
            "1.2.3.é",
        ];
        assert!(wrong.iter().all(|text| SearchToken::decode(text).is_none()));
    }
}
