//! PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled: says whether a push rule counts.

use ruma::api::client::push::set_pushrule_enabled::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn set_pushrule_enabled(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Request { kind, rule_id, enabled, .. } = request.request;
    accounts
        .change_push_rules(request.sender.user, move |rules| {
            rules.set_enabled(kind, rule_id, enabled).map_err(|_| super::unknown_rule())
        })
        .await?;
    Ok(Response::new())
}
