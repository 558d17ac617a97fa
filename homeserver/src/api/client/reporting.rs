//! Reports of inappropriate content to the owner of the server.

pub mod report_content;
pub mod report_room;
pub mod report_user;

use crate::{
    api::{auth::Sender, error::ApiError},
    domain::accounts::{Accounts, Limit},
};

/// The longest reason, in bytes.
const REASON: usize = 4096;

/// Refuses what is too much or too long.
fn check(accounts: &Accounts, sender: &Sender, reason: &str) -> Result<(), ApiError> {
    if reason.len() > REASON {
        return Err(ApiError::invalid_param(format!("A reason has at most {REASON} bytes")));
    }
    sender.take(accounts, "report", Limit::REPORT)
}
