//! POST /_matrix/client/v3/account/3pid/bind: lets an identity server tell others whose an address is; this server works with none.

use ruma::api::{
    client::account::bind_3pid::v3::{Request, Response},
    error::ErrorKind,
};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn bind_3pid((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Err(ApiError::new(ErrorKind::ServerNotTrusted, "This server works with no identity server"))
}
