//! Edges of the event graph, and the auth chains that they make.

use std::collections::BTreeSet;

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
    pub(super) async fn put_edges(
        &mut self,
        room: RoomSn,
        event: EventSn,
        kind: EdgeKind,
        parents: &[OwnedEventId],
    ) -> Result<(), StoreError> {
        for parent in parents {
            let parent = self.make_event_sn(room, parent).await?;
            sqlx::query("INSERT INTO edges (event_sn, kind, parent_sn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(event)
                .bind(kind)
                .bind(parent)
                .execute(&mut self.db.0)
                .await?;
        }
        Ok(())
    }
}
