//! A server's signed answer to `/_matrix/key/v2/server`: made, read and checked. Plain functions.

use std::collections::BTreeMap;

use crypto::ServerIdentity;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, ServerName,
    serde::Base64,
    signatures::{PublicKeySet, sign_json, verify_json},
};

use crate::store::{OldOwnKey, SigningKeyAnswer, SigningKeyRow};

/// How long an answer of ours is good, and the longest that another's is believed to be.
pub const LONGEST_VALID_MS: i64 = 7 * 24 * 3600 * 1000;
/// Bytes of an answer that are read.
pub const ANSWER_LIMIT: u64 = 128 * 1024;
/// Keys in one answer.
const KEY_LIMIT: usize = 64;

/// Why an answer is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("it is not canonical JSON with the fields that it must have")]
    Format,
    #[error("it speaks for another server")]
    OtherServer,
    #[error("it has too many keys")]
    TooManyKeys,
    #[error("it is not signed by a key that it names")]
    Signature,
}

/// What a checked answer says.
#[derive(Clone, Debug)]
pub struct KeyAnswer {
    pub keys: Vec<SigningKeyRow>,
    pub answer: SigningKeyAnswer,
}

/// Our own answer, signed with the key in use.
pub fn make(
    identity: &ServerIdentity,
    old: &[OldOwnKey],
    server_name: &ServerName,
    now: i64,
) -> Option<SigningKeyAnswer> {
    let valid_until_ts = now.saturating_add(LONGEST_VALID_MS);
    let key = serde_json::json!({ identity.key_id().as_str(): { "key": identity.public_key_base64().encode() } });
    let old: BTreeMap<_, _> = old
        .iter()
        .map(|old| (&old.key_id, serde_json::json!({ "key": old.key, "expired_ts": old.expired_ts })))
        .collect();
    let mut object: CanonicalJsonObject = serde_json::from_value(serde_json::json!({
        "server_name": server_name, "verify_keys": key, "old_verify_keys": old, "valid_until_ts": valid_until_ts,
    }))
    .ok()?;
    sign_json(server_name.as_str(), identity, &mut object).ok()?;
    Some(SigningKeyAnswer { json: serde_json::to_string(&object).ok()?, valid_until_ts, fetched_ts: now })
}

/// Reads and checks what `server` (or a notary for it) answered.
pub fn read(server: &ServerName, answer: &[u8], now: i64) -> Result<KeyAnswer, AnswerError> {
    let object: CanonicalJsonObject = serde_json::from_slice(answer).map_err(|_| AnswerError::Format)?;
    let named = object.get("server_name").and_then(CanonicalJsonValue::as_str).ok_or(AnswerError::Format)?;
    if named != server.as_str() {
        return Err(AnswerError::OtherServer);
    }
    let valid_until = integer(object.get("valid_until_ts")).ok_or(AnswerError::Format)?;
    let valid_until_ts = valid_until.min(now.saturating_add(LONGEST_VALID_MS));
    let mut keys = Vec::new();
    let mut verify_keys = PublicKeySet::new();
    let field = |name: &str| object.get(name).and_then(CanonicalJsonValue::as_object);
    for (key_id, value) in field("verify_keys").ok_or(AnswerError::Format)? {
        let Some(key) = ed25519_key(key_id, value) else { continue };
        keys.push(SigningKeyRow {
            key_id: key_id.clone(),
            key: key.encode(),
            valid_until_ts,
            expired_ts: None,
            fetched_ts: now,
        });
        verify_keys.insert(key_id.clone(), key);
    }
    for (key_id, value) in field("old_verify_keys").into_iter().flatten() {
        let expired = value.as_object().and_then(|value| integer(value.get("expired_ts")));
        let (Some(key), Some(expired_ts)) = (ed25519_key(key_id, value), expired) else { continue };
        if !verify_keys.contains_key(key_id) {
            let (key_id, key) = (key_id.clone(), key.encode());
            keys.push(SigningKeyRow {
                key_id,
                key,
                valid_until_ts: expired_ts,
                expired_ts: Some(expired_ts),
                fetched_ts: now,
            });
        }
    }
    if keys.len() > KEY_LIMIT {
        return Err(AnswerError::TooManyKeys);
    }
    check_own_signature(server, object, verify_keys)?;
    let json = String::from_utf8(answer.to_vec()).map_err(|_| AnswerError::Format)?;
    Ok(KeyAnswer { keys, answer: SigningKeyAnswer { json, valid_until_ts, fetched_ts: now } })
}

/// Signatures of others (notaries) say nothing here: only the server's own counts.
fn check_own_signature(
    server: &ServerName,
    mut object: CanonicalJsonObject,
    keys: PublicKeySet,
) -> Result<(), AnswerError> {
    let Some(CanonicalJsonValue::Object(mut signatures)) = object.remove("signatures") else {
        return Err(AnswerError::Signature);
    };
    let own = signatures.remove(server.as_str()).ok_or(AnswerError::Signature)?;
    let signatures = CanonicalJsonObject::from([(server.to_string(), own)]);
    object.insert("signatures".to_owned(), signatures.into());
    verify_json(&BTreeMap::from([(server.to_string(), keys)]), &object).map_err(|_| AnswerError::Signature)
}

fn ed25519_key(key_id: &str, value: &CanonicalJsonValue) -> Option<Base64> {
    let key = value.as_object()?.get("key")?.as_str()?;
    let known = key_id.starts_with("ed25519:") && key_id.len() <= 128;
    let key = Base64::parse(key).ok()?;
    (known && key.as_bytes().len() == 32).then_some(key)
}

fn integer(value: Option<&CanonicalJsonValue>) -> Option<i64> {
    match value? {
        CanonicalJsonValue::Integer(number) => Some((*number).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crypto::ServerIdentity;
    use ruma::{CanonicalJsonObject, server_name, signatures::sign_json};
    use serde_json::json;

    use super::{AnswerError, LONGEST_VALID_MS, make, read};

    #[test]
    fn what_is_made_can_be_read_by_everybody() {
        let identity = ServerIdentity::generate_for_domain().unwrap();
        let made = make(&identity, &[], server_name!("one.example"), 5_000).unwrap();
        let answer = read(server_name!("one.example"), made.json.as_bytes(), 5_000).unwrap();
        assert_eq!(answer.keys.len(), 1);
        assert_eq!(answer.keys[0].key_id, identity.key_id().as_str());
        assert_eq!(answer.keys[0].valid_until_ts, 5_000 + LONGEST_VALID_MS);
        assert_eq!(
            read(server_name!("two.example"), made.json.as_bytes(), 5_000).err(),
            Some(AnswerError::OtherServer)
        );
    }

    fn signed_by(signer: &ServerIdentity, named: &ServerIdentity, valid_until_ts: i64) -> Vec<u8> {
        let old = ServerIdentity::generate_for_domain().unwrap();
        let mut object: CanonicalJsonObject = serde_json::from_value(json!({
            "server_name": "one.example", "valid_until_ts": valid_until_ts,
            "verify_keys": {named.key_id().as_str(): {"key": named.public_key_base64().encode()}, "rsa:1": {"key": "AAAA"}},
            "old_verify_keys": {"ed25519:old": {"key": old.public_key_base64().encode(), "expired_ts": 77}},
        }))
        .unwrap();
        sign_json("one.example", signer, &mut object).unwrap();
        sign_json("notary.example", &old, &mut object).unwrap();
        serde_json::to_vec(&object).unwrap()
    }

    #[test]
    fn far_futures_are_cut_and_old_keys_are_kept_as_old() {
        let identity = ServerIdentity::generate_for_domain().unwrap();
        let answer =
            read(server_name!("one.example"), &signed_by(&identity, &identity, i64::pow(2, 53) - 1), 9).unwrap();
        assert_eq!(answer.answer.valid_until_ts, 9 + LONGEST_VALID_MS);
        let old = answer.keys.iter().find(|key| key.key_id == "ed25519:old").unwrap();
        assert_eq!(old.expired_ts, Some(77));
        assert_eq!(answer.keys.len(), 2);
    }

    #[test]
    fn forged_and_broken_answers_are_refused() {
        let (one, two) =
            (ServerIdentity::generate_for_domain().unwrap(), ServerIdentity::generate_for_domain().unwrap());
        let refused = |answer: &[u8]| read(server_name!("one.example"), answer, 0).err();
        assert_eq!(refused(&signed_by(&two, &one, 1)), Some(AnswerError::Signature));
        assert_eq!(refused(b"[]"), Some(AnswerError::Format));
        assert_eq!(refused(br#"{"server_name":"one.example"}"#), Some(AnswerError::Format));
        let unsigned = br#"{"server_name":"one.example","valid_until_ts":1,"verify_keys":{}}"#;
        assert_eq!(refused(unsigned), Some(AnswerError::Signature));
    }
}
