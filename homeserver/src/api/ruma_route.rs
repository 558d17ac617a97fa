//! From ruma's endpoint types to axum's routes: method, paths and authentication come from the type, the handler gets it parsed.

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, RawPathParams, State},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, header, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ruma::api::{IncomingRequest, OutgoingResponse, path_builder::PathBuilder};

use super::{
    auth::Authenticate,
    error::ApiError,
    parts::{FromParts, Parts},
};

/// The largest JSON body that is read.
pub const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// A request, parsed and authenticated. Derefs to ruma's request type.
pub struct Ruma<R: IncomingRequest>
where
    R::Authentication: Authenticate,
{
    pub request: R,
    /// Who asks: a [`Sender`](super::auth::Sender) where the endpoint needs an access token.
    pub sender: <R::Authentication as Authenticate>::Identity,
    /// What the connection and the headers told.
    pub head: Arc<request::Parts>,
    /// The body's bytes, for endpoints that must see fields that the type does not have.
    pub body: Bytes,
}

impl<R: IncomingRequest> Deref for Ruma<R>
where
    R::Authentication: Authenticate,
{
    type Target = R;
    fn deref(&self) -> &R {
        &self.request
    }
}

/// Gives a request type of ours the method, path and authentication of ruma's type of the same endpoint, where that is read differently.
macro_rules! same_endpoint {
    ($ours:ty, $ruled:ty) => {
        same_endpoint!(
            $ours,
            $ruled,
            <$ruled as ruma::api::Metadata>::RATE_LIMITED,
            <$ruled as ruma::api::Metadata>::Authentication
        );
    };
    ($ours:ty, $ruled:ty, $limited:expr, $authentication:ty) => {
        impl ruma::api::Metadata for $ours {
            const METHOD: http::Method = <$ruled as ruma::api::Metadata>::METHOD;
            const RATE_LIMITED: bool = $limited;
            type Authentication = $authentication;
            type PathBuilder = <$ruled as ruma::api::Metadata>::PathBuilder;
            const PATH_BUILDER: Self::PathBuilder = <$ruled as ruma::api::Metadata>::PATH_BUILDER;
        }
    };
}
pub(super) use same_endpoint;

/// A function that answers the endpoint `R`, taking the parts `P`.
pub trait Endpoint<P, R>: Clone + Send + Sync + 'static
where
    R: IncomingRequest,
    R::Authentication: Authenticate,
{
    fn answer(&self, parts: P, request: Ruma<R>) -> impl Future<Output = Result<R::OutgoingResponse, ApiError>> + Send;
}

impl<P, R, F, A> Endpoint<P, R> for F
where
    F: Fn(P, Ruma<R>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<R::OutgoingResponse, ApiError>> + Send,
    R: IncomingRequest,
    R::Authentication: Authenticate,
{
    fn answer(&self, parts: P, request: Ruma<R>) -> impl Future<Output = Result<R::OutgoingResponse, ApiError>> + Send {
        self(parts, request)
    }
}

/// Adds endpoints to a router, one line each.
pub trait RumaRoutes: Sized {
    /// Serves `handler` on every path of its request type.
    fn ruma<P, R>(self, handler: impl Endpoint<P, R>) -> Self
    where
        P: FromParts + Send + 'static,
        R: IncomingRequest + Send + 'static,
        R::Authentication: Authenticate;

    /// Serves `handler` on one more path, whose variables are those of the type in the same order (trailing ones may be missing).
    fn ruma_at<P, R>(self, path: &str, handler: impl Endpoint<P, R>) -> Self
    where
        P: FromParts + Send + 'static,
        R: IncomingRequest + Send + 'static,
        R::Authentication: Authenticate;
}

impl RumaRoutes for Router<Parts> {
    fn ruma<P, R>(mut self, handler: impl Endpoint<P, R>) -> Self
    where
        P: FromParts + Send + 'static,
        R: IncomingRequest + Send + 'static,
        R::Authentication: Authenticate,
    {
        for path in R::PATH_BUILDER.all_paths() {
            self = self.ruma_at(path, handler.clone());
        }
        self
    }

    fn ruma_at<P, R>(self, path: &str, handler: impl Endpoint<P, R>) -> Self
    where
        P: FromParts + Send + 'static,
        R: IncomingRequest + Send + 'static,
        R::Authentication: Authenticate,
    {
        let Ok(method) = MethodFilter::try_from(R::METHOD) else {
            tracing::error!(path, "An endpoint has a method that no route can have.");
            return self;
        };
        let serve = async move |State(parts): State<Parts>, request: Request<Body>| -> Response {
            match serve(parts, request, &handler).await {
                Ok(response) => response,
                Err(error) => error.into_response(),
            }
        };
        self.route(&positional(path), on(method, serve))
    }
}

/// Path variables by their place: two endpoints may call the same place by different names.
fn positional(path: &str) -> String {
    let mut place = 0;
    path.split('/')
        .map(|segment| {
            if segment.starts_with('{') {
                place += 1;
                format!("{{p{place}}}")
            } else {
                segment.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

async fn serve<P, R>(parts: Parts, request: Request<Body>, handler: &impl Endpoint<P, R>) -> Result<Response, ApiError>
where
    P: FromParts,
    R: IncomingRequest,
    R::Authentication: Authenticate,
{
    let (mut head, body) = request.into_parts();
    let path_params = RawPathParams::from_request_parts(&mut head, &())
        .await
        .map_err(|_| ApiError::invalid_param("The path is not valid UTF-8"))?;
    let path_args: Vec<String> = path_params.iter().map(|(_, value)| value.to_owned()).collect();
    let body = read_body(body, BODY_LIMIT).await?;
    let request = Request::from_parts(head.clone(), body.clone());
    let sender = R::Authentication::authenticate(&parts, &request).await?;
    if R::RATE_LIMITED
        && let Some(key) = R::Authentication::counted_as(&sender, &head.extensions)
    {
        parts.accounts.count_request(&key)?;
    }
    let parsed = R::try_from_http_request(with_object(request), &path_args)?;
    let request = Ruma { request: parsed, sender, head: Arc::new(head), body };
    let response = handler.answer(P::from_parts(&parts), request).await?;
    into_response(response)
}

/// Clients leave out the body of a request that needs nothing said, as a join: it stands for an empty object.
fn with_object(mut request: Request<Bytes>) -> Request<Bytes> {
    let json =
        request.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json && request.method() != Method::GET && request.body().is_empty() {
        *request.body_mut() = Bytes::from_static(b"{}");
    }
    request
}

/// Reads a body within its limit.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(ApiError::too_large("The request is too large"))
        }
        Err(_) => Err(ApiError::bad_json("The request's body could not be read")),
    }
}

/// An answer as ruma writes it.
pub fn into_response(response: impl OutgoingResponse) -> Result<Response, ApiError> {
    match response.try_into_http_response::<BytesMut>() {
        Ok(response) => Ok(response.map(|body| Body::from(body.freeze()))),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "An answer could not be written.");
            Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}
