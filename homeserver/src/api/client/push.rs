//! Push rules and pushers.

use ruma::push::{InsertPushRuleError, RemovePushRuleError, Ruleset};

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

fn unknown_rule() -> ApiError {
    ApiError::not_found("There is no such push rule")
}

fn count(rules: &Ruleset) -> usize {
    rules.iter().count()
}

impl From<InsertPushRuleError> for ApiError {
    fn from(error: InsertPushRuleError) -> Self {
        let message = error.to_string();
        match error {
            InsertPushRuleError::UnknownRuleId => Self::not_found(message),
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
