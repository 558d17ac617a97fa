//! One request to an identity server, bounded in time and size.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, header};
use ruma::{
    UserId,
    api::{
        EndpointError as _, IncomingResponse, MatrixVersion, OutgoingRequest, SupportedVersions,
        auth_scheme::{AccessToken, SendAccessToken},
        error::{Error as MatrixError, FromHttpResponseError},
        path_builder::VersionHistory,
    },
};
use serde_json::json;

use crate::domain::web::WebLimits;

use super::{IdentityError, IdentityServer, IdentityServers, Threepid};

/// From the first packet to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// Bytes of an answer.
const LARGEST: u64 = 256 << 10;
const UNBIND: &str = "/_matrix/identity/v2/3pid/unbind";

impl IdentityServers {
    /// Asks in the name of a user, with the token that they have there.
    pub(super) async fn ask<R>(
        &self,
        server: &IdentityServer,
        token: &str,
        request: R,
    ) -> Result<R::IncomingResponse, IdentityError>
    where
        R: OutgoingRequest<Authentication = AccessToken, PathBuilder = VersionHistory, EndpointError = MatrixError>,
    {
        let versions = SupportedVersions { versions: [MatrixVersion::V1_1].into(), features: BTreeSet::new() };
        let token = SendAccessToken::Always(token);
        let request = request.try_into_http_request::<BytesMut>(base(server), token, Cow::Owned(versions))?;
        let answer = self.exchange(request.map(BytesMut::freeze)).await?;
        R::IncomingResponse::try_from_http_response(answer).map_err(|error| match error {
            FromHttpResponseError::Server(error) => IdentityError::Refused(error),
            other => IdentityError::Malformed(other.to_string()),
        })
    }

    /// Takes an address back in the server's own name; `false` when the identity server does not do that.
    pub(super) async fn ask_to_unbind(
        &self,
        server: &IdentityServer,
        user_id: &UserId,
        threepid: &Threepid,
    ) -> Result<bool, IdentityError> {
        let threepid = json!({ "medium": threepid.medium, "address": threepid.address });
        let body = json!({ "mxid": user_id, "threepid": threepid }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{UNBIND}", base(server)))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body));
        let mut request = request.map_err(|error| IdentityError::Malformed(error.to_string()))?;
        self.federation.sign_for(&server.name, &mut request)?;
        let answer = self.exchange(request).await?;
        if answer.status().is_success() {
            return Ok(true);
        }
        let error = MatrixError::from_http_response(answer);
        // Whoever does not know the request answers without an errcode.
        if error.error_kind().is_some() { Err(IdentityError::Refused(error)) } else { Ok(false) }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<http::Response<Bytes>, IdentityError> {
        let limits = WebLimits { deadline: DEADLINE, body: |_| LARGEST };
        let answer = self.web.send(request, limits).await?;
        if !answer.whole {
            return Err(IdentityError::Malformed(format!("it is larger than {LARGEST} bytes")));
        }
        let status = answer.response.status();
        if status.is_informational() || status.is_redirection() {
            return Err(IdentityError::Malformed(format!("its status is {status}")));
        }
        Ok(answer.response)
    }
}

fn base(server: &IdentityServer) -> &str {
    server.base.as_str().trim_end_matches('/')
}
