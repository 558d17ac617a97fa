//! GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled: whether a push rule counts.

use ruma::api::client::push::get_pushrule_enabled::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_pushrule_enabled(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let rules = accounts.push_rules(request.sender.user).await?;
    let rule = rules.get(request.kind.clone(), &request.rule_id).ok_or_else(super::unknown_rule)?;
    Ok(Response::new(rule.enabled()))
}
