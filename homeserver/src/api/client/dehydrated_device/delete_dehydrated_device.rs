//! DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device: forgets the sleeping device.

use ruma::api::client::dehydrated_device::delete_dehydrated_device::unstable::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn delete_dehydrated_device(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(encryption.delete_dehydrated_device(request.sender.user).await?))
}
