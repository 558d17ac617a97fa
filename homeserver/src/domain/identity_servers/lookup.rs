//! Whose an address is, and invites for addresses that are nobody's yet.

use data_encoding::BASE64URL_NOPAD;
use ruma::{
    OwnedUserId,
    api::{
        error::ErrorKind,
        identity_service::{
            invitation::store_invitation::v2 as store_invitation,
            lookup::{
                IdentifierHashingAlgorithm, get_hash_parameters::v2 as get_hash_parameters,
                lookup_3pid::v2 as lookup_3pid,
            },
        },
    },
};
use sha2::{Digest, Sha256};

use super::{IdentityError, IdentityServer, IdentityServers, Threepid};

/// The longest token and name of a stored invite, in bytes.
const LONGEST: usize = 255;
const LONGEST_URL: usize = 2048;
/// Bytes of an ed25519 key.
const KEY: usize = 32;

impl IdentityServers {
    /// The user whom the identity server knows by an address. The address itself is not sent, only its hash.
    pub async fn lookup(
        &self,
        server: &IdentityServer,
        token: &str,
        threepid: &Threepid,
    ) -> Result<Option<OwnedUserId>, IdentityError> {
        let mut again = true;
        loop {
            let asked = get_hash_parameters::Request::new();
            let details = self.ask(server, token, asked).await?;
            let sha256 = IdentifierHashingAlgorithm::Sha256;
            if !details.algorithms.iter().any(|known| known.as_str() == sha256.as_str()) {
                return Err(IdentityError::Malformed("it knows no SHA-256".to_owned()));
            }
            let pepper = details.lookup_pepper;
            let hashed = hash(threepid, &pepper);
            let request = lookup_3pid::Request::new(sha256, pepper, vec![hashed.clone()]);
            match self.ask(server, token, request).await {
                Ok(mut found) => return Ok(found.mappings.remove(&hashed)),
                // It was changed in between.
                Err(error) if again && is_invalid_pepper(&error) => again = false,
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves an invite for whoever shows that the address is theirs.
    pub async fn store_invite(
        &self,
        server: &IdentityServer,
        token: &str,
        invite: store_invitation::Request,
    ) -> Result<store_invitation::Response, IdentityError> {
        let stored = self.ask(server, token, invite).await?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '=' | '_' | '-');
        if stored.token.is_empty() || stored.token.len() > LONGEST || !stored.token.chars().all(plain) {
            return Err(IdentityError::Malformed("its token is none".to_owned()));
        }
        if stored.display_name.len() > LONGEST {
            return Err(IdentityError::Malformed("its display_name is too long".to_owned()));
        }
        for key in [&stored.public_keys.server_key, &stored.public_keys.ephemeral_key] {
            let good = key.public_key.decode().is_ok_and(|bytes| bytes.len() == KEY);
            if !good || key.key_validity_url.len() > LONGEST_URL {
                return Err(IdentityError::Malformed("its keys are none".to_owned()));
            }
        }
        Ok(stored)
    }
}

fn is_invalid_pepper(error: &IdentityError) -> bool {
    let IdentityError::Refused(error) = error else { return false };
    error.error_kind().map(ErrorKind::errcode).is_some_and(|errcode| errcode.as_str() == "M_INVALID_PEPPER")
}

/// Identity Service API, "sha256".
fn hash(threepid: &Threepid, pepper: &str) -> String {
    let Threepid { medium, address } = threepid;
    BASE64URL_NOPAD.encode(&Sha256::digest(format!("{address} {medium} {pepper}")))
}

#[cfg(test)]
mod tests {
    use ruma::thirdparty::Medium;

    use super::{Threepid, hash};

    #[test]
    fn addresses_are_hashed_as_the_specification_shows() {
        let alice = Threepid::new(&Medium::Email, "alice@example.com").unwrap();
        let phone = Threepid::new(&Medium::Msisdn, "18005552067").unwrap();
        assert_eq!(hash(&alice, "matrixrocks"), "4kenr7N9drpCJ4AfalmlGQVsOn3o2RHjkADUpXJWZUc");
        assert_eq!(hash(&phone, "matrixrocks"), "nlo35_T5fzSGZzJApqu8lgIudJvmOQtDaHtr-I4rU7I");
        assert!(Threepid::new(&Medium::Msisdn, "+1800").is_err() && Threepid::new(&"pigeon".into(), "a").is_err());
    }
}
