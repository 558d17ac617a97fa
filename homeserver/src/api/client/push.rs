//! Push rules and pushers.

use http::StatusCode;
use ruma::{
    api::error::ErrorKind,
    push::{InsertPushRuleError, RemovePushRuleError, Ruleset},
};

use crate::api::error::ApiError;

pub mod delete_pushrule;
pub mod get_pushers;
pub mod get_pushrule;
pub mod get_pushrule_actions;
pub mod get_pushrule_enabled;
pub mod get_pushrules_all;
pub mod get_pushrules_global_scope;
pub mod set_pusher;
pub mod set_pushrule;
pub mod set_pushrule_actions;
pub mod set_pushrule_enabled;

/// How many rules a user may have.
const MOST: usize = 2000;
/// Bytes of all of a user's rules: every event is held against them while it is written.
const LARGEST: usize = 64 * 1024;

fn unknown_rule() -> ApiError {
    ApiError::not_found("There is no such push rule")
}

/// Refuses rules that are too many or too large.
fn check(rules: &Ruleset) -> Result<(), ApiError> {
    if rules.iter().count() > MOST {
        return Err(ApiError::invalid_param("There are too many push rules"));
    }
    if serde_json::to_string(rules).is_ok_and(|json| json.len() > LARGEST) {
        return Err(ApiError::too_large("All push rules together have at most 64 KiB"));
    }
    Ok(())
}

impl From<InsertPushRuleError> for ApiError {
    fn from(error: InsertPushRuleError) -> Self {
        let message = error.to_string();
        match error {
            // `before` or `after` names no rule.
            InsertPushRuleError::UnknownRuleId => {
                Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message)
            }
            _ => Self::invalid_param(message),
        }
    }
}

impl From<RemovePushRuleError> for ApiError {
    fn from(error: RemovePushRuleError) -> Self {
        let message = error.to_string();
        match error {
            RemovePushRuleError::NotFound => Self::not_found(message),
            _ => Self::invalid_param(message),
        }
    }
}
