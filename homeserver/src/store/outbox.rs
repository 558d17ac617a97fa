//! The outbox: what is owed to other servers. Events by markers, to-device messages one by one, other EDUs coalesced.

use std::time::Duration;

use super::{Db, EventSn, Position, RoomSn, ServerSn, StoreError, Tx};

/// Most events that a server is owed which came in beside them.
const BESIDE: i64 = 100;

impl Db {
    /// Our users' events on the timeline after the newest of `parents` and before `position`, oldest first.
    pub async fn own_events_beside(
        &mut self,
        room: RoomSn,
        parents: &[EventSn],
        position: Position,
    ) -> Result<Vec<(EventSn, Position)>, StoreError> {
        let mut newest = None;
        for parent in parents {
            let placed: Option<Option<Position>> =
                sqlx::query_scalar("SELECT position FROM events WHERE event_sn = $1")
                    .bind(*parent)
                    .fetch_optional(&mut self.0)
                    .await?;
            newest = newest.max(placed.flatten());
        }
        let Some(newest) = newest else { return Ok(Vec::new()) };
        Ok(sqlx::query_as(
            "SELECT e.event_sn, e.position FROM events e JOIN users u ON u.user_sn = e.sender_sn
             WHERE e.room_sn = $1 AND e.position > $2 AND e.position < $3 AND e.standing = 0 AND u.server_sn = 1
             ORDER BY e.position LIMIT $4",
        )
        .bind(room)
        .bind(newest)
        .bind(position)
        .bind(BESIDE)
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// The event is owed to these servers; each is woken after the commit.
    pub async fn owe_event(
        &mut self,
        room: RoomSn,
        position: Position,
        event: EventSn,
        servers: &[ServerSn],
    ) -> Result<(), StoreError> {
        let mut owed = false;
        for server in servers.iter().filter(|server| **server != ServerSn::OURS) {
            owed = true;
            sqlx::query(
                "INSERT INTO outbox_rooms (server_sn, room_sn, sent_position, owed_position) VALUES ($1, $2, $3 - 1, $3)
                 ON CONFLICT (server_sn, room_sn) DO UPDATE SET owed_position = excluded.owed_position,
                 -- Whoever is owed nothing starts here: it was not in the room when what lies between was sent.
                 sent_position = CASE WHEN sent_position >= owed_position THEN excluded.sent_position ELSE sent_position END",
            )
            .bind(*server)
            .bind(room)
            .bind(position)
            .execute(&mut self.db.0)
            .await?;
            self.wake_destination(*server);
        }
        if owed {
            sqlx::query(
                "INSERT INTO outbox_events (position, room_sn, event_sn) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(position)
            .bind(room)
            .bind(event)
            .execute(&mut self.db.0)
            .await?;
        }
        Ok(())
    }

    /// An EDU that takes the place of an older one with the same key.
    pub async fn owe_edu(&mut self, server: ServerSn, coalesce_key: &str, edu: &str) -> Result<(), StoreError> {
        self.owe_edu_until(server, coalesce_key, edu, None).await
    }

    /// The same for one that nobody needs after `lifetime`.
    pub async fn owe_passing_edu(
        &mut self,
        server: ServerSn,
        coalesce_key: &str,
        edu: &str,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires = self.now_ms().saturating_add(lifetime);
        self.owe_edu_until(server, coalesce_key, edu, Some(expires)).await
    }

    async fn owe_edu_until(
        &mut self,
        server: ServerSn,
        coalesce_key: &str,
        edu: &str,
        expires_ts: Option<i64>,
    ) -> Result<(), StoreError> {
        if server == ServerSn::OURS {
            return Ok(());
        }
        let order = self.next_position();
        sqlx::query(
            "INSERT INTO outbox_edus (server_sn, coalesce_key, sn, edu, expires_ts) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (server_sn, coalesce_key) DO UPDATE SET sn = excluded.sn, edu = excluded.edu,
             expires_ts = excluded.expires_ts",
        )
        .bind(server)
        .bind(coalesce_key)
        .bind(order)
        .bind(edu)
        .bind(expires_ts)
        .execute(&mut self.db.0)
        .await?;
        self.wake_destination(server);
        Ok(())
    }

    /// A to-device EDU: waits in order and is never dropped.
    pub async fn owe_to_device(&mut self, server: ServerSn, edu: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO outbox_to_device (server_sn, edu) VALUES ($1, $2)")
            .bind(server)
            .bind(edu)
            .execute(&mut self.db.0)
            .await?;
        self.wake_destination(server);
        Ok(())
    }
}
