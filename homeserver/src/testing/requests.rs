//! Requests signed by one server for another, as they would go over the wire.

use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};
use ruma::{CanonicalJsonObject, ServerName};
use serde_json::{Value, json};

use super::TestHome;

/// A signed request of `from`.
pub fn signed(from: &TestHome, to: &ServerName, method: &str, path: &str, body: Option<&Value>) -> Request<Bytes> {
    let bytes = body.map(|body| Bytes::from(serde_json::to_vec(body).unwrap())).unwrap_or_default();
    signed_bytes(from, to, method, path, bytes).0
}

/// The same with any body; what is no canonical JSON has no part in the signature. Also key id and signature.
pub fn signed_bytes(
    from: &TestHome,
    to: &ServerName,
    method: &str,
    path: &str,
    body: Bytes,
) -> (Request<Bytes>, [String; 2]) {
    let mut object: CanonicalJsonObject =
        serde_json::from_value(json!({"method": method, "uri": path, "origin": from.name(), "destination": to}))
            .unwrap();
    if let Ok(content) = serde_json::from_slice(&body) {
        object.insert("content".to_owned(), content);
    }
    from.parts.federation.keyring.sign_json(&mut object).unwrap();
    let object = serde_json::to_value(object).unwrap();
    let key = from.identity.key_id().to_string();
    let sig = object["signatures"][from.name().as_str()][key.as_str()].as_str().unwrap().to_owned();
    let header = format!(r#"X-Matrix origin="{}",destination="{to}",key="{key}",sig="{sig}""#, from.name());
    let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, header).body(body).unwrap();
    (request, [key, sig])
}
