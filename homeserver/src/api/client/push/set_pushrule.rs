//! PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}: adds a push rule or takes the place of one.

use ruma::api::client::push::set_pushrule::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn set_pushrule(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Request { rule, before, after, .. } = request.request;
    accounts
        .change_push_rules(request.sender.user, move |rules| {
            rules.insert(rule, after.as_deref(), before.as_deref())?;
            super::check(rules)
        })
        .await?;
    Ok(Response::new())
}
