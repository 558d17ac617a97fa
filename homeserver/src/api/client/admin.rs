//! What administrators do to accounts of this server.

use ruma::UserId;

use crate::{
    api::{auth::Sender, error::ApiError},
    domain::accounts::Accounts,
    store::AccountRow,
};

pub mod is_user_locked;
pub mod is_user_suspended;
pub mod lock_user;
pub mod suspend_user;
pub mod whois;

/// The account that an administrator asks about. Who asks is checked first: strangers do not learn who has an account.
async fn moderated(accounts: &Accounts, sender: &Sender, user_id: &UserId) -> Result<AccountRow, ApiError> {
    if !sender.admin {
        return Err(ApiError::forbidden("Only administrators can do this"));
    }
    if !accounts.is_local(user_id) {
        return Err(ApiError::invalid_param("The user is of another server"));
    }
    let account = accounts.find(user_id.as_str()).await?.filter(|account| account.deactivated_ts.is_none());
    let account = account.ok_or_else(|| ApiError::not_found("There is no such account"))?;
    if account.admin && account.user != sender.user {
        return Err(ApiError::forbidden("The user is an administrator too"));
    }
    Ok(account)
}

/// The same for a change, which nobody makes to their own account.
async fn moderated_other(accounts: &Accounts, sender: &Sender, user_id: &UserId) -> Result<AccountRow, ApiError> {
    let account = moderated(accounts, sender, user_id).await?;
    if account.user == sender.user {
        return Err(ApiError::forbidden("This is your own account"));
    }
    Ok(account)
}
