//! Signed JSON of devices and users: reading public keys, comparing what is signed, verifying one signature.

use ruma::{SigningKeyAlgorithm, UserId, canonical_json, serde::Base64, signatures};
use serde_json::{Map, Value};

/// A signed object as clients send it.
pub(super) type Object = Map<String, Value>;

/// The text of `object.keys["ed25519:…"]` by its whole id.
pub(super) fn key<'o>(object: &'o Object, key_id: &str) -> Option<&'o str> {
    object.get("keys")?.get(key_id)?.as_str()
}

/// The signatures that `signer` made, by key id.
pub(super) fn signatures_by<'o>(object: &'o Object, signer: &UserId) -> impl Iterator<Item = (&'o str, &'o str)> {
    object
        .get("signatures")
        .and_then(|signatures| signatures.get(signer.as_str()))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key_id, signature)| Some((key_id.as_str(), signature.as_str()?)))
}

/// Whether two objects say the same, signatures apart.
pub(super) fn same_but_for_signatures(one: &Object, other: &Object) -> bool {
    let bare = |object: &Object| {
        let mut object = object.clone();
        object.remove("signatures");
        object.remove("unsigned");
        object
    };
    bare(one) == bare(other)
}

/// Whether `signature` on `object` was made with the Ed25519 key `public_key`; both in unpadded base64.
pub(super) fn is_signed(object: &Object, public_key: &str, signature: &str) -> bool {
    let Ok(object) = canonical_json::try_from_json_map(object.clone()) else { return false };
    let Ok(json) = signatures::to_canonical_json_string_for_signing(&object) else { return false };
    let (Ok(key), Ok(signature)) = (<Base64>::parse(public_key), <Base64>::parse(signature)) else { return false };
    signatures::verify_canonical_json_bytes(
        &SigningKeyAlgorithm::Ed25519,
        key.as_bytes(),
        signature.as_bytes(),
        json.as_bytes(),
    )
    .is_ok()
}
