//! The directory of published rooms: ours in pages, other servers' through them.

use ruma::{
    ServerName,
    api::federation::directory::{get_public_rooms, get_public_rooms_filtered},
    directory::{Filter, PublicRoomsChunk, RoomNetwork},
    room::RoomSummary,
};

use crate::{
    domain::federation::{Deadline, FederationError},
    store::{Db, RoomSn},
};

use super::{Rooms, RoomsError, summary};

/// Rooms on a page when nobody says how many, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// What is asked of a directory.
#[derive(Clone, Debug, Default)]
pub struct DirectoryQuery {
    pub limit: Option<usize>,
    pub since: Option<String>,
    pub filter: Filter,
    pub network: RoomNetwork,
}

/// A page of a directory.
#[derive(Debug, Default)]
pub struct DirectoryPage {
    pub rooms: Vec<PublicRoomsChunk>,
    pub next_batch: Option<String>,
    pub prev_batch: Option<String>,
    /// Rooms in all, as far as it is known.
    pub total: Option<u64>,
}

/// A room's place in the directory: the largest first, then the oldest.
type Place = (i64, RoomSn);

/// Where a page begins, going forwards, or ends, going backwards. A room at the place itself is on neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    After(Place),
    Before(Place),
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let (direction, rest) = text.split_at_checked(1)?;
        let (joined, room) = rest.split_once('_')?;
        let place = (0_i64.checked_sub(joined.parse().ok()?)?, RoomSn(room.parse().ok()?));
        match direction {
            "n" => Some(Self::After(place)),
            "p" => Some(Self::Before(place)),
            _ => None,
        }
    }

    fn write(self) -> String {
        let (direction, (joined, room)) = match self {
            Self::After(place) => ("n", place),
            Self::Before(place) => ("p", place),
        };
        format!("{direction}{}_{}", joined.saturating_neg(), room.0)
    }
}

impl Rooms {
    /// A page of our directory; `abroad` leaves out rooms that are for this server alone.
    pub async fn directory(&self, query: &DirectoryQuery, abroad: bool) -> Result<DirectoryPage, RoomsError> {
        let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(PAGE).min(LARGEST_PAGE);
        let bad = || RoomsError::InvalidParam("`since` is not a token of this directory".to_owned());
        let token = query.since.as_deref().map(|since| Token::parse(since).ok_or_else(bad)).transpose()?;
        let mut db = self.store.read().await?;
        let mut rooms: Vec<(Place, Option<RoomSummary>)> = of_network(&mut db, &query.network)
            .await?
            .into_iter()
            .map(|(room, joined)| ((-joined, room), None))
            .collect();
        if abroad || !query.filter.is_empty() {
            let mut fitting = Vec::new();
            for (place, _) in rooms {
                if let Some(summary) = shown(&mut db, place.1, abroad).await?
                    && fits(&query.filter, &summary)
                {
                    fitting.push((place, Some(summary)));
                }
            }
            rooms = fitting;
        }
        let (start, end) = match token {
            None => (0, limit),
            Some(Token::After(place)) => {
                let start = rooms.partition_point(|(at, _)| *at <= place);
                (start, start.saturating_add(limit))
            }
            Some(Token::Before(place)) => {
                let end = rooms.partition_point(|(at, _)| *at < place);
                (end.saturating_sub(limit), end)
            }
        };
        let end = end.min(rooms.len());
        let mut page = DirectoryPage { total: u64::try_from(rooms.len()).ok(), ..DirectoryPage::default() };
        let asked = rooms.get(start..end).unwrap_or_default();
        if let (Some((first, _)), Some((last, _))) = (asked.first(), asked.last()) {
            page.prev_batch = (start > 0).then(|| Token::Before(*first).write());
            page.next_batch = (end < rooms.len()).then(|| Token::After(*last).write());
        }
        for (place, summary) in asked {
            let summary = match summary {
                Some(summary) => Some(summary.clone()),
                None => shown(&mut db, place.1, abroad).await?,
            };
            page.rooms.extend(summary.map(PublicRoomsChunk::from));
        }
        Ok(page)
    }

    /// A page of another server's directory.
    pub async fn directory_of(&self, server: &ServerName, query: DirectoryQuery) -> Result<DirectoryPage, RoomsError> {
        let DirectoryQuery { limit, since, filter, network } = query;
        let limit = limit.map(|limit| limit.min(LARGEST_PAGE));
        let wanted = limit.and_then(|limit| u32::try_from(limit).ok()).map(ruma::UInt::from);
        let client = &self.federation.client;
        let page = if filter.is_empty() {
            let mut request = get_public_rooms::v1::Request::new();
            (request.limit, request.since, request.room_network) = (wanted, since, network);
            client.request_now(server, request, Deadline::Query).await.map(|answer| DirectoryPage {
                rooms: answer.chunk,
                next_batch: answer.next_batch,
                prev_batch: answer.prev_batch,
                total: answer.total_room_count_estimate.map(u64::from),
            })
        } else {
            let mut request = get_public_rooms_filtered::v1::Request::new();
            (request.limit, request.since, request.room_network) = (wanted, since, network);
            request.filter = filter;
            client.request_now(server, request, Deadline::Query).await.map(|answer| DirectoryPage {
                rooms: answer.chunk,
                next_batch: answer.next_batch,
                prev_batch: answer.prev_batch,
                total: answer.total_room_count_estimate.map(u64::from),
            })
        };
        let mut page = page.map_err(|error| match error {
            FederationError::Store(error) => error.into(),
            FederationError::Refused(error) if error.status_code.is_client_error() => {
                RoomsError::Forbidden(error.to_string())
            }
            other => RoomsError::Unreachable(other.to_string()),
        })?;
        page.rooms.truncate(limit.filter(|limit| *limit > 0).unwrap_or(LARGEST_PAGE));
        Ok(page)
    }
}

async fn shown(db: &mut Db, room: RoomSn, abroad: bool) -> Result<Option<RoomSummary>, RoomsError> {
    let room = db.room(room).await?;
    let shown = summary::of_room(db, &room).await?;
    Ok(shown.filter(|shown| shown.federates || !abroad).map(|shown| shown.summary))
}

/// Whether the words and types that are looked for are the room's.
fn fits(filter: &Filter, summary: &RoomSummary) -> bool {
    let of_type = filter.room_types.is_empty()
        || filter
            .room_types
            .iter()
            .any(|wanted| wanted.as_str() == summary.room_type.as_ref().map(ruma::room::RoomType::as_str));
    let term = filter.generic_search_term.as_deref().unwrap_or_default().trim().to_lowercase();
    let alias = summary.canonical_alias.as_ref().map(|alias| alias.as_str());
    let texts = [summary.name.as_deref(), summary.topic.as_deref(), alias];
    of_type && (term.is_empty() || texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&term)))
}

/// Rooms of a network with the number of their members, the largest first.
async fn of_network(db: &mut Db, network: &RoomNetwork) -> Result<Vec<(RoomSn, i64)>, RoomsError> {
    Ok(match network {
        RoomNetwork::ThirdParty(instance_id) => db.appservice_directory(Some(instance_id)).await?,
        RoomNetwork::All => {
            let mut rooms = db.directory().await?;
            rooms.extend(db.appservice_directory(None).await?);
            rooms.sort_by_key(|(room, joined)| (joined.saturating_neg(), *room));
            rooms.dedup();
            rooms
        }
        _ => db.directory().await?,
    })
}

#[cfg(test)]
mod tests {
    use super::{RoomSn, Token};

    #[test]
    fn tokens_are_read_as_they_were_written_and_nothing_else_is() {
        for token in [Token::After((-37, RoomSn(4))), Token::Before((0, RoomSn(1)))] {
            assert_eq!(Token::parse(&token.write()), Some(token));
        }
        for text in ["", "n", "n1", "x1_2", "n1_2_3", "n99999999999999999999_1", "é1_2", "n_"] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
