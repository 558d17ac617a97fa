//! `PUT /_matrix/federation/v1/send/{txnId}` with one field more in its body and in its answer, which others ignore.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use http::Method;
use ruma::{
    OwnedEventId,
    api::{
        IncomingRequest, IncomingResponse, Metadata, OutgoingRequest, OutgoingResponse,
        auth_scheme::AuthScheme as _,
        error::{Error as MatrixError, FromHttpRequestError, FromHttpResponseError, IntoHttpError},
        federation::{
            authentication::{ServerSignatures, ServerSignaturesInput},
            transactions::send_transaction_message::v1 as send,
        },
        path_builder::SinglePath,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::RoomHeads;

const FIELD: &str = "net.hearth.forward_extremities";

/// A transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub request: send::Request,
    /// Empty: the field is not there.
    pub heads: RoomHeads,
}

/// The answer to a transaction.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub pdus: BTreeMap<OwnedEventId, Result<(), String>>,
    pub heads: RoomHeads,
}

impl Metadata for Transaction {
    const METHOD: Method = send::Request::METHOD;
    const RATE_LIMITED: bool = send::Request::RATE_LIMITED;
    type Authentication = ServerSignatures;
    type PathBuilder = SinglePath;
    const PATH_BUILDER: SinglePath = send::Request::PATH_BUILDER;
}

impl OutgoingRequest for Transaction {
    type EndpointError = MatrixError;
    type IncomingResponse = Answer;

    fn try_into_http_request<T: Default + BufMut + AsRef<[u8]>>(
        self,
        base_url: &str,
        input: ServerSignaturesInput<'_>,
        path: (),
    ) -> Result<http::Request<T>, IntoHttpError> {
        if self.heads.is_empty() {
            return self.request.try_into_http_request(base_url, input, path);
        }
        let request: http::Request<BytesMut> = self.request.try_into_http_request(base_url, input.clone(), path)?;
        let (head, body) = request.into_parts();
        let mut request = http::Request::from_parts(head, with_heads::<T>(&body, &self.heads)?);
        // The signature covers the body.
        ServerSignatures::add_authentication(&mut request, input)
            .map_err(|error| IntoHttpError::Authentication(error.into()))?;
        Ok(request)
    }
}

impl IncomingRequest for Transaction {
    type EndpointError = MatrixError;
    type OutgoingResponse = Answer;

    fn try_from_http_request<B: AsRef<[u8]>, S: AsRef<str>>(
        request: http::Request<B>,
        path_args: &[S],
    ) -> Result<Self, FromHttpRequestError> {
        let heads = heads_in(request.body().as_ref());
        Ok(Self { request: send::Request::try_from_http_request(request, path_args)?, heads })
    }
}

impl IncomingResponse for Answer {
    type EndpointError = MatrixError;

    fn try_from_http_response<T: AsRef<[u8]>>(
        response: http::Response<T>,
    ) -> Result<Self, FromHttpResponseError<MatrixError>> {
        let heads = heads_in(response.body().as_ref());
        Ok(Self { pdus: send::Response::try_from_http_response(response)?.pdus, heads })
    }
}

impl OutgoingResponse for Answer {
    fn try_into_http_response<T: Default + BufMut>(self) -> Result<http::Response<T>, IntoHttpError> {
        let response: http::Response<BytesMut> = send::Response::new(self.pdus).try_into_http_response()?;
        let (head, body) = response.into_parts();
        Ok(http::Response::from_parts(head, with_heads(&body, &self.heads)?))
    }
}

fn with_heads<T: Default + BufMut>(body: &[u8], heads: &RoomHeads) -> Result<T, IntoHttpError> {
    let mut to = T::default();
    if heads.is_empty() {
        to.put_slice(body);
        return Ok(to);
    }
    let mut object: Map<String, Value> = serde_json::from_slice(body)?;
    object.insert(FIELD.to_owned(), serde_json::to_value(heads)?);
    to.put_slice(&serde_json::to_vec(&object)?);
    Ok(to)
}

/// What is no heads is none: nobody is refused for a field that only we know.
fn heads_in(body: &[u8]) -> RoomHeads {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "net.hearth.forward_extremities", default)]
        heads: RoomHeads,
    }
    serde_json::from_slice::<Body>(body).map(|body| body.heads).unwrap_or_default()
}
