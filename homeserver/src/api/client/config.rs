//! Account data, global and per room.

use ruma::UserId;
use serde_json::{Map, Value};

use crate::{
    api::{auth::Sender, error::ApiError},
    store::{RoomSn, Tx, UserSn},
};

pub mod get_global_account_data;
pub mod get_room_account_data;
pub mod set_global_account_data;
pub mod set_room_account_data;

/// The largest content of one type.
const LARGEST: usize = 1024 * 1024;
/// Types of one user, globally and in each room.
const TYPES: i64 = 1000;

/// Users see and change only what is their own.
pub(super) fn own(sender: &Sender, user_id: &UserId) -> Result<(), ApiError> {
    if sender.user_id == user_id { Ok(()) } else { Err(ApiError::forbidden("This belongs to another user")) }
}

/// Content that may be stored: an object, not too large, not nested too deeply.
fn object(content: &str) -> Result<Map<String, Value>, ApiError> {
    if content.len() > LARGEST {
        return Err(ApiError::too_large("Account data has at most a megabyte"));
    }
    serde_json::from_str(content).map_err(|_| ApiError::bad_json("The content is not a JSON object"))
}

/// Writes it, unless the user has too many types there already.
async fn set(tx: &mut Tx, user: UserSn, room: RoomSn, data_type: &str, content: &str) -> Result<(), ApiError> {
    let new = tx.account_data(user, room, data_type).await?.is_none();
    if new && tx.account_data_types(user, room).await? >= TYPES {
        return Err(ApiError::invalid_param("There are too many types of account data"));
    }
    tx.set_account_data(user, room, data_type, content).await?;
    Ok(())
}

/// Types that the server keeps itself.
fn writable(data_type: &str) -> Result<(), ApiError> {
    if matches!(data_type, "m.fully_read" | "m.push_rules") {
        let mut error = ApiError::bad_json("This type is not set here: it has endpoints of its own");
        error.status = http::StatusCode::METHOD_NOT_ALLOWED;
        return Err(error);
    }
    Ok(())
}
