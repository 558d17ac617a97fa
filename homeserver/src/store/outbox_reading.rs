//! The outbox as the federation sender reads it, and how it moves on when a server has acknowledged a transaction.

use super::{Db, EventSn, Position, RoomSn, ServerSn, StoreError, Tx};

/// More events than this owed in one room are not sent one by one: the newest are, and the peer asks for the rest.
const CATCH_UP: i64 = 500;
/// How many of the newest are sent then.
const CATCH_UP_NEWEST: i64 = 50;
/// How often a server may refuse a message to a device, and how long it is left alone with it in between.
const REFUSALS: i64 = 3;
const REFUSED_REST_MS: i64 = 24 * 3600 * 1000;

/// What goes into a server's next transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxBatch {
    pub events: Vec<OutboxEvent>,
    /// To-device EDUs with their numbers, oldest first.
    pub to_device: Vec<(i64, String)>,
    /// Other EDUs with their numbers, oldest first.
    pub edus: Vec<(i64, String)>,
}

/// An event that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEvent {
    pub position: Position,
    pub room: RoomSn,
    pub event: EventSn,
    /// The signed PDU as stored.
    pub json: String,
}

impl OutboxBatch {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many PDUs and EDUs it has.
    pub fn len(&self) -> usize {
        self.events.len() + self.to_device.len() + self.edus.len()
    }

    /// Leaves out what goes beyond this many bytes; the first thing always stays.
    pub fn fit(&mut self, bytes: usize) {
        let (mut used, mut first) = (0_usize, true);
        let mut fits = |json: &String| {
            used = used.saturating_add(json.len());
            std::mem::take(&mut first) || used <= bytes
        };
        let to_device = self.to_device.iter().take_while(|(_, edu)| fits(edu)).count();
        let events = self.events.iter().take_while(|event| fits(&event.json)).count();
        let edus = self.edus.iter().take_while(|(_, edu)| fits(edu)).count();
        self.to_device.truncate(to_device);
        self.events.truncate(events);
        self.edus.truncate(edus);
    }
}

impl Db {
    /// Servers to whom anything is owed.
    pub async fn servers_with_outbox(&mut self, now_ms: i64) -> Result<Vec<ServerSn>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT server_sn FROM outbox_rooms WHERE sent_position < owed_position
             UNION SELECT server_sn FROM outbox_to_device WHERE refused_ts IS NULL OR refused_ts <= $1
             UNION SELECT server_sn FROM outbox_edus WHERE expires_ts IS NULL OR expires_ts > $2",
        )
        .bind(now_ms.saturating_sub(REFUSED_REST_MS))
        .bind(now_ms)
        .fetch_all(&mut self.0)
        .await?)
    }

    /// The next transaction for this server: at most `pdus` events in the order of their positions and `edus` EDUs, to-device first.
    pub async fn outbox_batch(
        &mut self,
        server: ServerSn,
        pdus: u32,
        edus: u32,
        now_ms: i64,
    ) -> Result<OutboxBatch, StoreError> {
        let to_device: Vec<(i64, String)> =
            sqlx::query_as("SELECT sn, edu FROM outbox_to_device WHERE server_sn = $1 AND (refused_ts IS NULL OR refused_ts <= $3) ORDER BY sn LIMIT $2")
                .bind(server)
                .bind(edus)
                .bind(now_ms.saturating_sub(REFUSED_REST_MS))
                .fetch_all(&mut self.0)
                .await?;
        let rows: Vec<(Position, RoomSn, EventSn, String)> = sqlx::query_as(
            "SELECT e.position, e.room_sn, e.event_sn, j.json FROM outbox_rooms o
             JOIN outbox_events e ON e.room_sn = o.room_sn AND e.position > o.sent_position AND e.position <= o.owed_position
             JOIN event_json j ON j.event_sn = e.event_sn
             WHERE o.server_sn = $1 AND o.sent_position < o.owed_position ORDER BY e.position LIMIT $2",
        )
        .bind(server)
        .bind(pdus)
        .fetch_all(&mut self.0)
        .await?;
        let events = rows
            .into_iter()
            .map(|(position, room, event, json)| OutboxEvent { position, room, event, json })
            .collect::<Vec<_>>();
        let left = edus.saturating_sub(u32::try_from(to_device.len()).unwrap_or(u32::MAX));
        let edus = sqlx::query_as("SELECT sn, edu FROM outbox_edus WHERE server_sn = $1 AND (expires_ts IS NULL OR expires_ts > $3) ORDER BY sn LIMIT $2")
            .bind(server)
            .bind(left)
            .bind(now_ms)
            .fetch_all(&mut self.0)
            .await?;
        Ok(OutboxBatch { events, to_device, edus })
    }
}

impl Tx {
    /// Rooms in which this server is owed a great many events: it gets the newest only and asks for the others when it wants them.
    /// EDUs that say nothing any more are dropped.
    pub async fn shorten_outbox(&mut self, server: ServerSn) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query("DELETE FROM outbox_edus WHERE server_sn = $1 AND expires_ts <= $2")
            .bind(server)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        let rooms: Vec<(RoomSn, i64)> = sqlx::query_as(
            "SELECT o.room_sn, COUNT(*) FROM outbox_rooms o
             JOIN outbox_events e ON e.room_sn = o.room_sn AND e.position > o.sent_position AND e.position <= o.owed_position
             WHERE o.server_sn = $1 GROUP BY o.room_sn HAVING COUNT(*) > $2",
        )
        .bind(server)
        .bind(CATCH_UP)
        .fetch_all(&mut self.db.0)
        .await?;
        for (room, _) in rooms {
            sqlx::query(
                "UPDATE outbox_rooms SET sent_position = (SELECT e.position - 1 FROM outbox_events e
                 WHERE e.room_sn = $2 AND e.position <= outbox_rooms.owed_position ORDER BY e.position DESC LIMIT 1 OFFSET $3)
                 WHERE server_sn = $1 AND room_sn = $2",
            )
            .bind(server)
            .bind(room)
            .bind(CATCH_UP_NEWEST - 1)
            .execute(&mut self.db.0)
            .await?;
        }
        Ok(())
    }

    /// The server refuses this message to a device: it steps aside for a day, and is dropped after the third time.
    pub async fn to_device_refused(&mut self, sn: i64) -> Result<(), StoreError> {
        let now = self.now_ms();
        sqlx::query("UPDATE outbox_to_device SET refusals = refusals + 1, refused_ts = $2 WHERE sn = $1")
            .bind(sn)
            .bind(now)
            .execute(&mut self.db.0)
            .await?;
        sqlx::query("DELETE FROM outbox_to_device WHERE sn = $1 AND refusals >= $2")
            .bind(sn)
            .bind(REFUSALS)
            .execute(&mut self.db.0)
            .await?;
        Ok(())
    }

    /// The server has acknowledged this batch.
    pub async fn outbox_sent(&mut self, server: ServerSn, batch: &OutboxBatch) -> Result<(), StoreError> {
        let mut rooms: Vec<(RoomSn, Position)> = Vec::new();
        for event in &batch.events {
            match rooms.iter_mut().find(|(room, _)| *room == event.room) {
                Some((_, position)) => *position = event.position,
                None => rooms.push((event.room, event.position)),
            }
        }
        for (room, position) in rooms {
            sqlx::query("UPDATE outbox_rooms SET sent_position = $3 WHERE server_sn = $1 AND room_sn = $2 AND sent_position < $3")
                .bind(server)
                .bind(room)
                .bind(position)
                .execute(&mut self.db.0)
                .await?;
            // Whom is still owed less keeps the rows; nobody else needs them.
            sqlx::query(
                "DELETE FROM outbox_events WHERE room_sn = $1
                 AND position <= (SELECT MIN(sent_position) FROM outbox_rooms WHERE room_sn = $1)",
            )
            .bind(room)
            .execute(&mut self.db.0)
            .await?;
        }
        for (sn, _) in &batch.to_device {
            sqlx::query("DELETE FROM outbox_to_device WHERE sn = $1").bind(sn).execute(&mut self.db.0).await?;
        }
        for (sn, _) in &batch.edus {
            // One that was replaced meanwhile has another number and stays.
            sqlx::query("DELETE FROM outbox_edus WHERE server_sn = $1 AND sn = $2")
                .bind(server)
                .bind(sn)
                .execute(&mut self.db.0)
                .await?;
        }
        sqlx::query(
            "INSERT INTO destinations (server_sn, txn_counter) VALUES ($1, 1)
             ON CONFLICT (server_sn) DO UPDATE SET txn_counter = txn_counter + 1",
        )
        .bind(server)
        .execute(&mut self.db.0)
        .await?;
        self.destination_succeeded(server).await
    }
}
