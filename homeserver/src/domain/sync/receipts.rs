//! m.receipt and m.typing as events.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId, serde::Raw};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use crate::store::{Receipt, StoreError};

/// By event, type and user.
type Content<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a UserId, &'a RawValue>>>;

/// One m.receipt event with these receipts; none without any. A user may have several receipts of a type on one event, one a thread:
/// the event can hold one of them, and a second event holds the next.
pub(super) fn event<T>(receipts: &[Receipt]) -> Result<Vec<Raw<T>>, StoreError> {
    let mut contents: Vec<Content<'_>> = Vec::new();
    for receipt in receipts {
        let data: &RawValue = serde_json::from_str(&receipt.data).map_err(|_| StoreError::Damaged("a receipt"))?;
        let slot = |content: &Content<'_>| {
            let users =
                content.get(receipt.event_id.as_str()).and_then(|types| types.get(receipt.receipt_type.as_str()));
            users.is_some_and(|users| users.contains_key(&*receipt.user_id))
        };
        if contents.iter().all(slot) {
            contents.push(Content::new());
        }
        if let Some(content) = contents.iter_mut().find(|content| !slot(content)) {
            let types = content.entry(receipt.event_id.as_str()).or_default();
            types.entry(receipt.receipt_type.as_str()).or_default().insert(&receipt.user_id, data);
        }
    }
    let damaged = |_| StoreError::Damaged("a receipt");
    contents
        .iter()
        .map(|content| {
            Ok(Raw::from_json(to_raw_value(&json!({ "type": "m.receipt", "content": content })).map_err(damaged)?))
        })
        .collect()
}

/// The m.typing event of a room.
pub(super) fn typing_event<T>(users: &[OwnedUserId]) -> Result<Raw<T>, StoreError> {
    let event = json!({ "type": "m.typing", "content": { "user_ids": users } });
    Ok(Raw::from_json(to_raw_value(&event).map_err(|_| StoreError::Damaged("a typing list"))?))
}
