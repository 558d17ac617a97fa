//! PUT /_matrix/federation/v1/send/{txnId}: another server's transaction.

use ruma::api::federation::transactions::send_transaction_message::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::{Inbound, Transaction},
};

pub async fn send_transaction(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let transaction = Transaction {
        txn_id: &request.transaction_id,
        origin: &request.origin,
        pdus: &request.pdus,
        edus: &request.edus,
    };
    Ok(Response::new(inbound.transaction(&request.sender, transaction).await?))
}
