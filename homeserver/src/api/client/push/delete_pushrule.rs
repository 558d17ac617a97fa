//! DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}: removes a push rule of the user'\''s own.

use ruma::api::client::push::delete_pushrule::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn delete_pushrule(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Request { kind, rule_id, .. } = request.request;
    accounts
        .change_push_rules(request.sender.user, move |rules| Ok::<_, ApiError>(rules.remove(kind, rule_id)?))
        .await?;
    Ok(Response::new())
}
