//! Application services: their token, and as which of their users and devices they act.

use std::sync::Arc;

use http::{Request, StatusCode};
use ruma::{OwnedDeviceId, UserId, api::error::ErrorKind};
use url::form_urlencoded;

use crate::{
    api::{error::ApiError, parts::Parts},
    domain::appservices::Appservice,
};

use super::Sender;

/// The service of an `as_token`; users' tokens are refused.
pub(super) async fn service(parts: &Parts, token: &str) -> Result<Arc<Appservice>, ApiError> {
    match parts.appservices.by_token(token) {
        Some(service) => {
            service.heard_from();
            Ok(Arc::clone(service))
        }
        None if parts.store.read().await?.access_token(token).await?.is_some() => {
            Err(ApiError::forbidden("Only application services can do this"))
        }
        None => Err(ApiError::unknown_token(false)),
    }
}

/// The user, and perhaps the device, in whose name a service asks: `user_id` and `device_id` of the query say that.
pub(super) async fn sender<B>(
    parts: &Parts,
    service: &Arc<Appservice>,
    request: &Request<B>,
) -> Result<Sender, ApiError> {
    service.heard_from();
    let (mut user_id, mut device_id) = (None, None);
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match &*name {
            "user_id" => user_id = Some(value),
            "device_id" | "org.matrix.msc3202.device_id" => device_id = Some(value),
            _ => {}
        }
    }
    let user_id = match user_id {
        Some(text) => UserId::parse(&*text).map_err(|_| ApiError::invalid_param("`user_id` is no user id"))?,
        None => service.user_id().to_owned(),
    };
    if user_id.server_name() != parts.server_name || !service.may_be(&user_id) {
        return Err(ApiError::forbidden("This application service cannot act as this user"));
    }
    let mut db = parts.store.read().await?;
    let account = db.account(&user_id).await?;
    let account = account.ok_or_else(|| ApiError::forbidden("This user is not registered"))?;
    if account.deactivated_ts.is_some() {
        return Err(ApiError::new(ErrorKind::UserDeactivated, "This account was closed"));
    }
    if account.locked {
        return Err(ApiError::locked());
    }
    // Without a device, its id is empty: no device has that.
    let device_id = OwnedDeviceId::from(device_id.unwrap_or_default().into_owned());
    if !device_id.as_str().is_empty() && db.device(account.user, &device_id).await?.is_none() {
        let message = "The user has no such device";
        let mut error = ApiError::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message);
        error.body.insert("errcode".to_owned(), "M_UNKNOWN_DEVICE".into());
        return Err(error);
    }
    Ok(Sender {
        user: account.user,
        user_id,
        device_id,
        admin: account.admin,
        guest: false,
        suspended: account.suspended,
        appservice: Some(Arc::clone(service)),
    })
}
