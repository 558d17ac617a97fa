//! Edges of the event graph, and the auth chains that they make.

use std::collections::{BTreeSet, HashMap};

use ruma::OwnedEventId;
use sqlx::{QueryBuilder, Sqlite};

use super::super::{Db, EventSn, RoomSn, StoreError, Tx};

/// Events that one query starts from: SQLite bounds the values of a statement.
const SEEDS: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum EdgeKind {
    Prev = 0,
    Auth = 1,
}

impl Db {
    /// Parents of an event.
    pub async fn parents(&mut self, event: EventSn, kind: EdgeKind) -> Result<Vec<EventSn>, StoreError> {
        Ok(sqlx::query_scalar("SELECT parent_sn FROM edges WHERE event_sn = $1 AND kind = $2")
            .bind(event)
            .bind(kind)
            .fetch_all(&mut self.0)
            .await?)
    }

    /// The ids of `events` and of every stored event that they rest on by auth_events.
    pub async fn auth_chain_ids(&mut self, events: &[EventSn]) -> Result<BTreeSet<OwnedEventId>, StoreError> {
        let mut chain = BTreeSet::new();
        for part in events.chunks(SEEDS) {
            let mut query = QueryBuilder::<Sqlite>::new("WITH RECURSIVE chain(event_sn) AS (");
            query.push_values(part, |mut row, event| {
                row.push_bind(*event);
            });
            query.push(
                " UNION SELECT g.parent_sn FROM chain c JOIN edges g ON g.event_sn = c.event_sn AND g.kind = 1)
                 SELECT e.event_id FROM chain c JOIN events e USING (event_sn) WHERE e.standing <> 3",
            );
            let ids: Vec<String> = query.build_query_scalar().fetch_all(&mut self.0).await?;
            for id in ids {
                chain.insert(id.try_into().map_err(|_| StoreError::Damaged("an event id"))?);
            }
        }
        Ok(chain)
    }
}

impl Tx {
    /// Notes on what an event rests, and answers the numbers of its `prev_events`. A parent that was never seen gets a row that knows only the id.
    pub(super) async fn put_edges(
        &mut self,
        room: RoomSn,
        event: EventSn,
        prev_events: &[OwnedEventId],
        auth_events: &[OwnedEventId],
    ) -> Result<Vec<EventSn>, StoreError> {
        let edges: Vec<(EdgeKind, &OwnedEventId)> = prev_events
            .iter()
            .map(|parent| (EdgeKind::Prev, parent))
            .chain(auth_events.iter().map(|parent| (EdgeKind::Auth, parent)))
            .collect();
        let mut parents = Vec::with_capacity(prev_events.len());
        for part in edges.chunks(SEEDS / 2) {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT event_id, event_sn FROM events WHERE event_id IN (");
            let mut ids = query.separated(", ");
            for (_, parent) in part {
                ids.push_bind(parent.as_str());
            }
            query.push(")");
            let rows: Vec<(String, EventSn)> = query.build_query_as().fetch_all(&mut self.db.0).await?;
            let mut known: HashMap<String, EventSn> = rows.into_iter().collect();
            for (kind, parent) in part {
                let sn = match known.get(parent.as_str()) {
                    Some(sn) => *sn,
                    None => self.make_event_sn(room, parent).await?,
                };
                known.insert(parent.to_string(), sn);
                if *kind == EdgeKind::Prev {
                    parents.push(sn);
                }
            }
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO edges (event_sn, kind, parent_sn) ");
            query.push_values(part, |mut row, (kind, parent)| {
                row.push_bind(event).push_bind(*kind).push_bind(known.get(parent.as_str()).copied());
            });
            query.push(" ON CONFLICT DO NOTHING");
            query.build().execute(&mut self.db.0).await?;
        }
        Ok(parents)
    }
}
