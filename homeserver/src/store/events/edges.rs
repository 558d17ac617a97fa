//! Edges of the event graph, and the auth chains that they make.

use ruma::OwnedEventId;

use super::super::{Db, EventSn, RoomSn, StoreError, Tx};

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

    /// Every event that `event` rests on by auth_events, itself left out. Stored events only.
    pub async fn auth_chain(&mut self, event: EventSn) -> Result<Vec<EventSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "WITH RECURSIVE chain(event_sn) AS (
                 SELECT parent_sn FROM edges WHERE event_sn = $1 AND kind = 1
                 UNION SELECT g.parent_sn FROM chain c JOIN edges g ON g.event_sn = c.event_sn AND g.kind = 1)
             SELECT c.event_sn FROM chain c JOIN events e USING (event_sn) WHERE e.standing <> 3",
        )
        .bind(event)
        .fetch_all(&mut self.0)
        .await?)
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
