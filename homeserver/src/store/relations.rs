//! Relations between events: edits, reactions, threads, references.

use std::collections::HashSet;

use ruma::EventId;
use sqlx::{QueryBuilder, Sqlite};

use super::{
    Db, EventSn, Position, RoomSn, StoreError, StoredEvent, Tx, UserSn,
    events::{EventRow, event_columns},
};

/// Which relations of an event are asked for.
#[derive(Clone, Debug)]
pub struct RelationsPage {
    pub rel_type: Option<String>,
    pub event_type: Option<String>,
    pub after: Position,
    pub upto: Position,
    pub backwards: bool,
    pub limit: i64,
    /// How many steps an event may be away: 1 for those that relate to the target itself.
    pub depth: u32,
}

impl Db {
    /// A page of the timeline events of a room that relate to `target`.
    pub async fn relations_page(
        &mut self,
        room: RoomSn,
        target: &EventId,
        page: &RelationsPage,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "WITH RECURSIVE related(event_sn, rel_type, depth) AS (
                SELECT event_sn, rel_type, 1 FROM relations WHERE target_event_id = ",
        );
        query.push_bind(target.as_str().to_owned());
        query.push(
            " UNION SELECT r.event_sn, r.rel_type, d.depth + 1 FROM related d JOIN events f USING (event_sn)
                JOIN relations r ON r.target_event_id = f.event_id WHERE f.room_sn = ",
        );
        query.push_bind(room).push(" AND d.depth < ").push_bind(page.depth);
        query.push(concat!(
            ") SELECT ",
            event_columns!(),
            " FROM related r JOIN events e USING (event_sn) JOIN event_json j USING (event_sn)
             JOIN event_types t ON t.type_sn = e.type_sn WHERE e.standing = 0 AND e.room_sn = "
        ));
        query.push_bind(room);
        query.push(" AND e.position > ").push_bind(page.after);
        query.push(" AND e.position <= ").push_bind(page.upto);
        if let Some(rel_type) = &page.rel_type {
            query.push(" AND r.rel_type = ").push_bind(rel_type.clone());
        }
        if let Some(event_type) = &page.event_type {
            query.push(" AND t.type = ").push_bind(event_type.clone());
        }
        query.push(if page.backwards { " ORDER BY e.position DESC LIMIT " } else { " ORDER BY e.position LIMIT " });
        query.push_bind(page.limit);
        let rows: Vec<EventRow> = query.build_query_as().fetch_all(&mut self.0).await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// Events of type `rel_type` related to `target`, newest first.
    pub async fn relations(
        &mut self,
        room: RoomSn,
        target: &EventId,
        rel_type: &str,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM relations r JOIN events e USING (event_sn) JOIN event_json j USING (event_sn)
             WHERE r.target_event_id = $1 AND r.rel_type = $2 AND e.room_sn = $3 AND e.standing = 0 ORDER BY r.event_sn DESC LIMIT $4"
        ))
        .bind(target.as_str())
        .bind(rel_type)
        .bind(room)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// Edits of `target` by its author, the newest by its time (and then its id) first.
    pub async fn edits(
        &mut self,
        room: RoomSn,
        target: &EventId,
        author: UserSn,
        limit: i64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM relations r JOIN events e USING (event_sn) JOIN event_json j USING (event_sn)
             WHERE r.target_event_id = $1 AND r.rel_type = 'm.replace' AND e.room_sn = $2 AND e.sender_sn = $3 AND e.standing = 0
             ORDER BY e.origin_ts DESC, e.event_id DESC LIMIT $4"
        ))
        .bind(target.as_str())
        .bind(room)
        .bind(author)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await?;
        rows.into_iter().map(EventRow::read).collect()
    }

    /// Of these events, the ones that others relate to, with the relation's type.
    pub async fn related_targets(&mut self, event_ids: &[&str]) -> Result<HashSet<(String, String)>, StoreError> {
        if let Some(related) = self.1.related(event_ids) {
            return Ok(related);
        }
        let mut related = HashSet::new();
        for part in event_ids.chunks(500) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT DISTINCT target_event_id, rel_type FROM relations WHERE target_event_id IN (",
            );
            let mut ids = query.separated(", ");
            for id in part {
                ids.push_bind((*id).to_owned());
            }
            query.push(")");
            related.extend(query.build_query_as::<(String, String)>().fetch_all(&mut self.0).await?);
        }
        Ok(related)
    }

    /// Whether `user` already reacted to `target` with this key.
    pub async fn has_reaction(&mut self, target: &EventId, user: UserSn, key: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM relations r JOIN events e USING (event_sn)
             WHERE r.target_event_id = $1 AND r.rel_type = 'm.annotation' AND r.key = $3 AND e.sender_sn = $2 AND e.standing = 0)",
        )
        .bind(target.as_str())
        .bind(user)
        .bind(key)
        .fetch_one(&mut self.0)
        .await?)
    }
}

impl Tx {
    pub async fn put_relation(
        &mut self,
        event: EventSn,
        room: RoomSn,
        target: &EventId,
        rel_type: &str,
        key: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO relations (event_sn, room_sn, target_event_id, rel_type, key) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
            .bind(event)
            .bind(room)
            .bind(target.as_str())
            .bind(rel_type)
            .bind(key)
            .execute(&mut self.db.0)
            .await?;
        if rel_type == "m.thread" {
            self.add_to_thread(room, target, event).await?;
        }
        Ok(())
    }
}
