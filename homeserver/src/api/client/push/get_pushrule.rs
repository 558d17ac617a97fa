//! GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}: one push rule.

use ruma::api::client::push::get_pushrule::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_pushrule(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let rules = accounts.push_rules(request.sender.user).await?;
    let rule = rules.get(request.kind.clone(), &request.rule_id).ok_or_else(super::unknown_rule)?;
    Ok(Response::new(rule.to_owned().into()))
}
