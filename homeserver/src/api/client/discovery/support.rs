//! GET /.well-known/matrix/support: whom people can ask for help.

use std::sync::Arc;

use ruma::api::client::discovery::discover_support::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
};

pub async fn discover_support(config: Arc<Config>, _: Ruma<Request>) -> Result<Response, ApiError> {
    let support = config.support.as_ref().ok_or_else(|| ApiError::not_found("This server names no contact"))?;
    let mut response = Response::with_contacts(support.contacts.clone());
    response.support_page = support.page.as_ref().map(ToString::to_string);
    Ok(response)
}
