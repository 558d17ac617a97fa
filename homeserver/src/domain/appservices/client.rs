//! Requests to a service: signed with its `hs_token`, bounded, and asked once more at the old path where the new one is unknown.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use ruma::api::{IncomingResponse, OutgoingRequest, auth_scheme::SendAccessToken, path_builder::SinglePath};
use serde::Deserialize;

use crate::domain::federation::{Limits, SendError};

use super::{Appservice, Appservices};

/// One question and its answer.
pub(super) const QUESTION: Limits = Limits { deadline: Duration::from_secs(10), body: 1 << 20 };
const NEW: &str = "/_matrix/app/v1/";

impl Appservices {
    /// Asks a service; `None` when it has no such thing, does not answer, or answers what cannot be read.
    pub(super) async fn ask<R>(&self, service: &Appservice, request: R) -> Option<R::IncomingResponse>
    where
        R: OutgoingRequest<PathBuilder = SinglePath>,
        for<'a> R::Authentication: ruma::api::auth_scheme::AuthScheme<Input<'a> = SendAccessToken<'a>>,
    {
        let request = build(service, request)?;
        let answer = match self.exchange(service, request, QUESTION).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(service = service.id(), %error, "An application service could not be asked.");
                return None;
            }
        };
        match R::IncomingResponse::try_from_http_response(answer) {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(service = service.id(), %error, "An application service has no answer.");
                None
            }
        }
    }

    /// One request whose URI is the whole URL, at its old path when the new one is not known.
    pub(super) async fn exchange(
        &self,
        service: &Appservice,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, SendError> {
        if let Ok(mut token) = HeaderValue::try_from(format!("Bearer {}", service.registered.hs_token)) {
            token.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, token);
        }
        let legacy = legacy(request.uri()).map(|uri| {
            let mut legacy = request.clone();
            *legacy.uri_mut() = uri;
            legacy
        });
        let answer = self.0.transport.send(request, limits).await?;
        match legacy {
            Some(legacy) if is_unknown_route(&answer) => {
                let old = self.0.transport.send(legacy, limits).await?;
                Ok(if old.status().is_success() { old } else { answer })
            }
            _ => Ok(answer),
        }
    }
}

/// The request for the service's URL.
pub(super) fn build<R>(service: &Appservice, request: R) -> Option<Request<Bytes>>
where
    R: OutgoingRequest<PathBuilder = SinglePath>,
    for<'a> R::Authentication: ruma::api::auth_scheme::AuthScheme<Input<'a> = SendAccessToken<'a>>,
{
    let base = service.registered.url.as_deref()?;
    let token = SendAccessToken::IfRequired(&service.registered.hs_token);
    match request.try_into_http_request::<BytesMut>(base, token, ()) {
        Ok(request) => Some(request.map(BytesMut::freeze)),
        Err(error) => {
            tracing::warn!(service = service.id(), %error, "A request to an application service could not be made.");
            None
        }
    }
}

/// The same at the path of earlier drafts; `None` for what they did not have.
fn legacy(uri: &Uri) -> Option<Uri> {
    let text = uri.to_string();
    let (base, rest) = text.split_once(NEW)?;
    let kind = rest.split(['/', '?']).next()?;
    match kind {
        "thirdparty" => format!("{base}/_matrix/app/unstable/{rest}"),
        "transactions" | "users" | "rooms" => format!("{base}/{rest}"),
        _ => return None,
    }
    .parse()
    .ok()
}

/// No success, and not with an errcode of somebody who knows the path.
fn is_unknown_route(answer: &Response<Bytes>) -> bool {
    #[derive(Deserialize)]
    struct Error {
        errcode: String,
    }
    if answer.status().is_success() || matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return false;
    }
    serde_json::from_slice::<Error>(answer.body()).map_or(true, |error| error.errcode == "M_UNRECOGNIZED")
}

#[cfg(test)]
mod tests {
    use super::legacy;

    #[test]
    fn old_paths_are_those_of_the_specification() {
        let old = |path: &str| legacy(&format!("http://a/x{path}").parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(old("/_matrix/app/v1/transactions/3").unwrap(), "http://a/x/transactions/3");
        assert_eq!(old("/_matrix/app/v1/users/%40a%3Ab").unwrap(), "http://a/x/users/%40a%3Ab");
        let user = old("/_matrix/app/v1/thirdparty/user?userid=b").unwrap();
        assert_eq!(user, "http://a/x/_matrix/app/unstable/thirdparty/user?userid=b");
        assert_eq!(old("/_matrix/app/v1/ping"), None);
    }
}
