//! Another server that asks us something, once it has proved its name.

use ruma::OwnedServerName;

use crate::store::ServerSn;

/// Another server, proved by its signature over the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub server: ServerSn,
    pub server_name: OwnedServerName,
}
