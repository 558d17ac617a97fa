//! Requests to other servers, typed by ruma, signed by us, bounded in time and size.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use crypto::name::{NameKind, kind};
use http::{Request, StatusCode};
use ruma::{
    OwnedServerName, ServerName,
    api::{
        EndpointError as _, IncomingResponse, OutgoingRequest,
        auth_scheme::{AuthScheme, NoAuthentication},
        error::{Error as MatrixError, ErrorKind, FromHttpResponseError, IntoHttpError},
        federation::authentication::{ServerSignatures, ServerSignaturesInput},
        path_builder::SinglePath,
    },
    signatures::Ed25519KeyPair,
};

use super::{
    destinations::Destinations,
    own_keys::OwnKeys,
    transport::{Limits, SendError, Transport},
};

/// How long an exchange may take and how large its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// A person waits: profiles, directories, keys.
    Query,
    /// Whether an event may be sent, while the room waits.
    Policy,
    /// Some events of a room, or the ids of its state.
    Events,
    /// The state of a room or what an event rests on, for an event that came.
    State,
    /// A whole room, for somebody who comes in.
    Room,
    /// A transaction of ours; its answer is small.
    Transaction,
    /// Files.
    Media,
}

impl Deadline {
    /// What it lets an exchange cost.
    pub fn limits(self) -> Limits {
        let (seconds, body) = match self {
            Self::Query => (15, 4 << 20),
            Self::Policy => (5, 64 << 10),
            Self::Events => (60, 8 << 20),
            Self::State => (120, 64 << 20),
            Self::Room => (120, 256 << 20),
            Self::Transaction => (60, 1 << 20),
            Self::Media => (300, 512 << 20),
        };
        Limits { deadline: Duration::from_secs(seconds), body }
    }
}

/// Speaks to other servers. Cheap to clone.
#[derive(Clone)]
pub struct FederationClient(Arc<Inner>);

struct Inner {
    server_name: OwnedServerName,
    keys: OwnKeys,
    destinations: Destinations,
    transport: Arc<dyn Transport>,
}

/// A request to another server came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    #[error("this server is asked, not another one")]
    Ourselves,
    #[error("{0} is no server's name in the only spelling that it has")]
    Misspelt(OwnedServerName),
    /// It failed lately and is not tried before this (milliseconds since 1970).
    #[error("the server is away; it is tried again later")]
    Away { retry_ts: i64 },
    #[error(transparent)]
    Send(#[from] SendError),
    /// The server answered with an error.
    #[error("{0}")]
    Refused(MatrixError),
    /// The server's answer is not what the specification asks for.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    #[error("the request cannot be written")]
    Request(#[from] IntoHttpError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl FederationError {
    /// The errcode, when the server gave one.
    pub fn kind(&self) -> Option<&ErrorKind> {
        match self {
            Self::Refused(error) => error.error_kind(),
            _ => None,
        }
    }

    /// Whether the server does not know the endpoint at all.
    pub fn is_unrecognized(&self) -> bool {
        match self {
            Self::Refused(error) => {
                error.status_code == StatusCode::NOT_FOUND
                    && matches!(error.error_kind(), None | Some(ErrorKind::Unrecognized))
            }
            _ => false,
        }
    }

    /// Whether another server might do better: nothing was decided, the server just could not.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Send(_) | Self::Malformed(_) => true,
            Self::Refused(error) => {
                error.status_code.is_server_error() || error.status_code == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Ourselves | Self::Misspelt(_) | Self::Request(_) | Self::Store(_) => false,
        }
    }
}

/// A way for a request to prove who sends it.
pub trait Sign: AuthScheme {
    fn input<'a>(origin: &ServerName, destination: &ServerName, key_pair: &'a Ed25519KeyPair) -> Self::Input<'a>;
}

impl Sign for ServerSignatures {
    fn input<'a>(
        origin: &ServerName,
        destination: &ServerName,
        key_pair: &'a Ed25519KeyPair,
    ) -> ServerSignaturesInput<'a> {
        ServerSignaturesInput::new(origin.to_owned(), destination.to_owned(), key_pair)
    }
}

impl Sign for NoAuthentication {
    fn input(_: &ServerName, _: &ServerName, _: &Ed25519KeyPair) {}
}

impl FederationClient {
    pub fn new(
        keys: OwnKeys,
        server_name: OwnedServerName,
        destinations: Destinations,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self(Arc::new(Inner { server_name, keys, destinations, transport }))
    }

    /// Our own name.
    pub fn server_name(&self) -> &ServerName {
        &self.0.server_name
    }

    /// Asks `server`, unless it is known to be away.
    pub async fn request<R>(
        &self,
        server: &ServerName,
        request: R,
        deadline: Deadline,
    ) -> Result<R::IncomingResponse, FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, EndpointError = MatrixError>,
        R::Authentication: Sign,
    {
        if let Some(retry_ts) = self.0.destinations.retry_at(server) {
            return Err(FederationError::Away { retry_ts });
        }
        self.request_now(server, request, deadline).await
    }

    /// Asks `server` even if it was away lately.
    pub async fn request_now<R>(
        &self,
        server: &ServerName,
        request: R,
        deadline: Deadline,
    ) -> Result<R::IncomingResponse, FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, EndpointError = MatrixError>,
        R::Authentication: Sign,
    {
        if server == self.0.server_name {
            return Err(FederationError::Ourselves);
        }
        if kind(server) == NameKind::Misspelt {
            return Err(FederationError::Misspelt(server.to_owned()));
        }
        let request = self.sign(server, request)?;
        let begun = self.0.destinations.begin();
        let response = match self.0.transport.send(server, request, deadline.limits()).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_peers_fault() {
                    self.0.destinations.failed(server, begun);
                }
                return Err(error.into());
            }
        };
        // A gateway in front of a server that is down answers too.
        if matches!(
            response.status(),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ) {
            let error = MatrixError::from_http_response(response);
            if error.error_kind().is_none() {
                self.0.destinations.failed(server, begun);
            }
            return Err(FederationError::Refused(error));
        }
        self.0.destinations.succeeded(server).await?;
        R::IncomingResponse::try_from_http_response(response).map_err(|error| match error {
            FromHttpResponseError::Server(error) => FederationError::Refused(error),
            other => FederationError::Malformed(other.to_string()),
        })
    }

    /// Signs a request to someone who is no Matrix server, yet knows ours: an identity server.
    pub fn sign_for(&self, destination: &ServerName, request: &mut Request<Bytes>) -> Result<(), SendError> {
        let keys = self.0.keys.now();
        let Some(key_pair) = &keys.key_pair else {
            return Err(SendError::Ours("this server has no usable key".to_owned()));
        };
        let input = ServerSignatures::input(&self.0.server_name, destination, key_pair);
        ServerSignatures::add_authentication(request, input).map_err(|error| SendError::Ours(error.to_string()))
    }

    /// Fetches what is no endpoint of the Server-Server API, without a signature: a path and its query. Only a 200 is an answer.
    pub async fn get(
        &self,
        server: &ServerName,
        path: &str,
        deadline: Deadline,
    ) -> Result<http::Response<Bytes>, FederationError> {
        let request = Request::get(path)
            .body(Bytes::new())
            .map_err(|error| FederationError::Request(IntoHttpError::Http(error)))?;
        let response = self.0.transport.send(server, request, deadline.limits()).await?;
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(FederationError::Refused(MatrixError::from_http_response(response)))
        }
    }

    fn sign<R>(&self, server: &ServerName, request: R) -> Result<Request<Bytes>, FederationError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        R::Authentication: Sign,
    {
        let keys = self.0.keys.now();
        let Some(key_pair) = &keys.key_pair else {
            return Err(SendError::Ours("this server has no usable key".to_owned()).into());
        };
        let input = R::Authentication::input(&self.0.server_name, server, key_pair);
        let request = request.try_into_http_request::<BytesMut>("", input, ())?;
        Ok(request.map(BytesMut::freeze))
    }
}
