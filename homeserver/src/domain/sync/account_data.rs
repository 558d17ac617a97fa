//! Account data as events.

use ruma::serde::Raw;
use serde::Serialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use crate::{
    domain::push,
    store::{AccountData, Db, RoomSn, StoreError},
};

use super::Viewer;

/// The event of one row.
pub(super) fn event<T>(data: &AccountData) -> Result<Raw<T>, StoreError> {
    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        event_type: &'a str,
        content: &'a RawValue,
    }
    let damaged = |_| StoreError::Damaged("account data");
    let content: &RawValue = serde_json::from_str(&data.content).map_err(damaged)?;
    Ok(Raw::from_json(to_raw_value(&Event { event_type: &data.event_type, content }).map_err(damaged)?))
}

/// Adds the default push rules for a user who never changed them.
pub(super) async fn with_push_rules(
    db: &mut Db,
    viewer: &Viewer,
    global: &mut Vec<AccountData>,
) -> Result<(), StoreError> {
    if global.iter().all(|data| data.event_type != "m.push_rules")
        && db.push_rules_position(viewer.user).await?.is_none()
    {
        let content = json!({ "global": push::default_rules(&viewer.user_id) }).to_string();
        global.push(AccountData { room: RoomSn(0), event_type: "m.push_rules".to_owned(), content });
    }
    Ok(())
}
