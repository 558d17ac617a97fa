//! PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device: puts a device to sleep in the place of an earlier one.

use ruma::api::client::dehydrated_device::put_dehydrated_device::unstable::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{DehydratedUpload, Encryption},
};

pub async fn put_dehydrated_device(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let put = DehydratedUpload {
        user: sender.user,
        user_id: sender.user_id,
        device_id: request.device_id.clone(),
        display_name: request.initial_device_display_name,
        device_data: request.device_data.json().get().to_owned(),
        device_keys: request.device_keys,
        one_time_keys: request.one_time_keys,
        fallback_keys: request.fallback_keys,
    };
    encryption.put_dehydrated_device(put).await?;
    Ok(Response::new(request.device_id))
}
