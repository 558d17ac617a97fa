//! Tags of rooms: account data of the type `m.tag`.

use ruma::RoomId;
use serde_json::{Map, Value};

use crate::{
    api::{auth::Sender, error::ApiError},
    store::{Db, Durability, RoomSn, Store, StoreError},
};

pub mod create_tag;
pub mod delete_tag;
pub mod get_tags;

const TAG: &str = "m.tag";
/// The longest tag, in bytes.
const LONGEST: usize = 255;
/// How many tags a room may have.
const MOST: usize = 100;

async fn room(store: &Store, room_id: &RoomId) -> Result<RoomSn, ApiError> {
    let room = store.read().await?.room_sn(room_id).await?;
    room.ok_or_else(|| ApiError::not_found("This server does not know the room"))
}

/// The tags of a room by name.
async fn tags(db: &mut Db, sender: &Sender, room: RoomSn) -> Result<Map<String, Value>, StoreError> {
    let content = db.account_data(sender.user, room, TAG).await?.unwrap_or_default();
    let mut content: Map<String, Value> = serde_json::from_str(&content).unwrap_or_default();
    Ok(match content.remove("tags") {
        Some(Value::Object(tags)) => tags,
        _ => Map::new(),
    })
}

/// Reads the tags of a room, changes them and writes them back, in one transaction.
async fn change(
    store: &Store,
    sender: Sender,
    room: RoomSn,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), ApiError> + Send + 'static,
) -> Result<(), ApiError> {
    store
        .write(Durability::Full, move |tx| {
            Box::pin(async move {
                let mut tags = tags(tx, &sender, room).await?;
                change(&mut tags)?;
                let content = Value::Object(Map::from_iter([("tags".to_owned(), Value::Object(tags))]));
                tx.set_account_data(sender.user, room, TAG, &content.to_string()).await?;
                Ok(())
            })
        })
        .await
}
