//! PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions: says what a push rule does.

use ruma::api::client::push::set_pushrule_actions::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn set_pushrule_actions(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Request { kind, rule_id, actions, .. } = request.request;
    accounts
        .change_push_rules(request.sender.user, move |rules| {
            rules.set_actions(kind, rule_id, actions).map_err(|_| super::unknown_rule())?;
            super::check(rules)
        })
        .await?;
    Ok(Response::new())
}
