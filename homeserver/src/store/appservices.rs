//! Application services: what each is owed, what was sent and not acknowledged yet, and the rooms they list.

use ruma::{OwnedDeviceId, OwnedUserId};

use super::{AppserviceSn, Db, EventSn, Position, Receipt, RoomSn, StoreError, Tx, UserSn};

/// How far a service was sent things.
#[derive(Clone, Debug)]
pub struct AppserviceQueue {
    /// Transactions that were acknowledged.
    pub counter: i64,
    /// What passes was sent up to here.
    pub stream: Position,
    /// The transaction under way.
    pub body: Option<String>,
}

/// An event that a service is owed.
#[derive(Clone, Debug)]
pub struct OwedEvent {
    pub position: Position,
    pub event: Option<EventSn>,
    /// As clients see it, where it is not stored as an event.
    pub json: Option<String>,
}

/// A message to a local device.
#[derive(Clone, Debug)]
pub struct PassingToDevice {
    pub position: Position,
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
    pub sender: OwnedUserId,
    pub event_type: String,
    pub content: String,
}

pub(super) const OWED_EVENTS: &str = "
    SELECT position, event_sn, json FROM appservice_events WHERE service_sn = $1 ORDER BY position LIMIT $2";

pub(super) const RECEIPTS_BETWEEN: &str = "
    SELECT r.room_sn, r.user_sn, u.user_id, r.type, r.thread_id, r.event_id, r.data, r.position
    FROM receipts r JOIN users u ON u.user_sn = r.user_sn WHERE r.position > $1 AND r.position <= $2 ORDER BY r.position LIMIT $3";

pub(super) const TO_DEVICE_BETWEEN: &str = "
    SELECT t.position, t.user_sn, u.user_id, t.device_id, s.user_id, t.type, t.content
    FROM to_device t JOIN users u ON u.user_sn = t.user_sn JOIN users s ON s.user_sn = t.sender_sn
    WHERE t.position > $1 AND t.position <= $2 ORDER BY t.position LIMIT $3";

pub(super) const DEVICE_LISTS_BETWEEN: &str = "
    SELECT user_sn, position FROM device_list_changes WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";

const SIGHTINGS_END: &str = "
    SELECT position FROM device_list_sightings WHERE position > $1 AND position <= $2 ORDER BY position LIMIT 1 OFFSET $3";
const SIGHTINGS_BETWEEN: &str = "
    SELECT user_sn, other_sn, gone FROM device_list_sightings WHERE position > $1 AND position <= $2 ORDER BY position";

impl Db {
    /// How far the service was sent things.
    pub async fn appservice_queue(&mut self, service: AppserviceSn) -> Result<AppserviceQueue, StoreError> {
        let (counter, stream, body) =
            sqlx::query_as("SELECT txn_counter, stream_position, body FROM appservices WHERE service_sn = $1")
                .bind(service)
                .fetch_one(&mut self.0)
                .await?;
        Ok(AppserviceQueue { counter, stream, body })
    }

    /// The oldest events that the service is owed.
    pub async fn appservice_events(&mut self, service: AppserviceSn, limit: u32) -> Result<Vec<OwedEvent>, StoreError> {
        let rows: Vec<(Position, Option<EventSn>, Option<String>)> =
            sqlx::query_as(OWED_EVENTS).bind(service).bind(limit).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().map(|(position, event, json)| OwedEvent { position, event, json }).collect())
    }

    /// Receipts of all rooms and users with positions in (`since`, `to`], oldest first.
    pub async fn receipts_between(
        &mut self,
        since: Position,
        to: Position,
        limit: u32,
    ) -> Result<Vec<(RoomSn, Receipt)>, StoreError> {
        let rows = sqlx::query(RECEIPTS_BETWEEN).bind(since).bind(to).bind(limit).fetch_all(&mut self.0).await?;
        rows.iter()
            .map(|row| {
                let room = sqlx::Row::try_get(row, "room_sn")?;
                Ok((room, <Receipt as sqlx::FromRow<'_, _>>::from_row(row)?))
            })
            .collect()
    }

    /// Messages to local devices with positions in (`since`, `to`], oldest first.
    pub async fn to_device_between(
        &mut self,
        since: Position,
        to: Position,
        limit: u32,
    ) -> Result<Vec<PassingToDevice>, StoreError> {
        type Columns = (Position, UserSn, String, String, String, String, String);
        let rows: Vec<Columns> =
            sqlx::query_as(TO_DEVICE_BETWEEN).bind(since).bind(to).bind(limit).fetch_all(&mut self.0).await?;
        let id = |id: String| id.try_into().map_err(|_| StoreError::Damaged("a user id"));
        rows.into_iter()
            .map(|(position, user, user_id, device_id, sender, event_type, content)| {
                let (user_id, sender) = (id(user_id)?, id(sender)?);
                let device_id = device_id.into();
                Ok(PassingToDevice { position, user, user_id, device_id, sender, event_type, content })
            })
            .collect()
    }

    /// Whose keys changed at positions in (`since`, `to`], oldest first.
    pub async fn device_lists_between(
        &mut self,
        since: Position,
        to: Position,
        limit: u32,
    ) -> Result<Vec<(UserSn, Position)>, StoreError> {
        Ok(sqlx::query_as(DEVICE_LISTS_BETWEEN).bind(since).bind(to).bind(limit).fetch_all(&mut self.0).await?)
    }

    /// Which local users began to see another's device list, or see it no more (`true`), at positions from `since` on: `limit` of them and all
    /// that happened together with the last, and up to where that is.
    pub async fn sightings_between(
        &mut self,
        since: Position,
        to: Position,
        limit: u32,
    ) -> Result<(Vec<(UserSn, UserSn, bool)>, Position), StoreError> {
        let offset = limit.saturating_sub(1);
        let end: Option<Position> =
            sqlx::query_scalar(SIGHTINGS_END).bind(since).bind(to).bind(offset).fetch_optional(&mut self.0).await?;
        let end = end.unwrap_or(to);
        Ok((sqlx::query_as(SIGHTINGS_BETWEEN).bind(since).bind(end).fetch_all(&mut self.0).await?, end))
    }
}

impl Db {
    /// Rooms that services list, of one network or of all, with the number of their members; the largest first.
    pub async fn appservice_directory(&mut self, instance_id: Option<&str>) -> Result<Vec<(RoomSn, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT DISTINCT a.room_sn,
                (SELECT count(*) FROM members m WHERE m.room_sn = a.room_sn AND m.membership = 1) AS joined
             FROM appservice_rooms a WHERE ($1 IS NULL OR a.instance_id = $1) ORDER BY joined DESC, a.room_sn",
        )
        .bind(instance_id)
        .fetch_all(&mut self.0)
        .await?)
    }
}

impl Tx {
    /// The number of a service, given now if it has none; it is owed nothing from before.
    pub async fn make_appservice(&mut self, id: &str) -> Result<AppserviceSn, StoreError> {
        let now = self.next_position();
        Ok(sqlx::query_scalar(
            "INSERT INTO appservices (id, stream_position) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING service_sn",
        )
        .bind(id)
        .bind(now)
        .fetch_one(&mut self.db.0)
        .await?)
    }

    /// The service is owed an event: one that is stored, or this JSON.
    pub async fn owe_appservice(
        &mut self,
        service: AppserviceSn,
        position: Position,
        event: Option<EventSn>,
        json: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO appservice_events (service_sn, position, event_sn, json) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(service)
        .bind(position)
        .bind(event)
        .bind(json)
        .execute(&mut self.db.0)
        .await?;
        self.wake_appservices();
        Ok(())
    }

    /// A transaction is under way: with events up to `events` and what passes up to `stream`. Without a body, nothing of that concerned
    /// the service and it is done.
    pub async fn begin_appservice_transaction(
        &mut self,
        service: AppserviceSn,
        body: Option<&str>,
        events: Position,
        stream: Position,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE appservices SET body = $2, body_events = $3, body_stream = $4 WHERE service_sn = $1")
            .bind(service)
            .bind(body)
            .bind(events)
            .bind(stream)
            .execute(&mut self.db.0)
            .await?;
        if body.is_none() {
            self.move_appservice(service).await?;
        }
        Ok(())
    }

    /// The service has acknowledged the transaction under way. Answers what passed in it: (`from`, `to`].
    pub async fn appservice_acknowledged(&mut self, service: AppserviceSn) -> Result<(Position, Position), StoreError> {
        let passed = sqlx::query_as(
            "SELECT stream_position, coalesce(body_stream, stream_position) FROM appservices WHERE service_sn = $1",
        )
        .bind(service)
        .fetch_one(&mut self.db.0)
        .await?;
        sqlx::query("UPDATE appservices SET txn_counter = txn_counter + 1 WHERE service_sn = $1 AND body IS NOT NULL")
            .bind(service)
            .execute(&mut self.db.0)
            .await?;
        self.move_appservice(service).await?;
        Ok(passed)
    }

    async fn move_appservice(&mut self, service: AppserviceSn) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM appservice_events WHERE service_sn = $1
             AND position <= (SELECT body_events FROM appservices WHERE service_sn = $1)",
            "UPDATE appservices SET stream_position = coalesce(body_stream, stream_position), body = NULL,
             body_events = NULL, body_stream = NULL WHERE service_sn = $1",
        ] {
            sqlx::query(statement).bind(service).execute(&mut self.db.0).await?;
        }
        Ok(())
    }

    /// A message to a device is no longer kept for it.
    pub async fn forget_to_device(&mut self, position: Position) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM to_device WHERE position = $1").bind(position).execute(&mut self.db.0).await?;
        Ok(())
    }

    /// Lists a room in the directory of a service's network, or takes it off.
    pub async fn list_appservice_room(
        &mut self,
        instance_id: &str,
        room: RoomSn,
        listed: bool,
    ) -> Result<(), StoreError> {
        let statement = if listed {
            "INSERT INTO appservice_rooms (instance_id, room_sn) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM appservice_rooms WHERE instance_id = $1 AND room_sn = $2"
        };
        sqlx::query(statement).bind(instance_id).bind(room).execute(&mut self.db.0).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use sqlx::AssertSqlSafe;

    use super::{
        DEVICE_LISTS_BETWEEN, OWED_EVENTS, RECEIPTS_BETWEEN, SIGHTINGS_BETWEEN, SIGHTINGS_END, TO_DEVICE_BETWEEN,
    };
    use crate::{clock::Clock, store::Store};

    #[tokio::test]
    async fn what_runs_at_every_commit_scans_no_table() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path, server_name!("one.example"), Clock::from_fn(|| 0), |_| ()).await?;
        let mut db = store.read().await?;
        for sql in
            [OWED_EVENTS, RECEIPTS_BETWEEN, TO_DEVICE_BETWEEN, DEVICE_LISTS_BETWEEN, SIGHTINGS_END, SIGHTINGS_BETWEEN]
        {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut db.0).await?;
            let walks = |step: &str| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            assert!(plan.iter().all(|(_, _, _, step)| !walks(step)), "{plan:?}\n{sql}");
        }
        Ok(())
    }
}
