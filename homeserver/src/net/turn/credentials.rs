//! Names that end at a time, with the MAC of the name as password: what TURN servers with a shared secret expect.

use std::{net::SocketAddr, sync::Arc};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use turn::auth::{AuthHandler, generate_auth_key};

use super::quota::Quotas;
use crate::clock::Clock;

/// No user id with a time before it is longer.
const NAME_BYTES: usize = 300;

/// The name of a user until `ends`, in seconds since 1970, and its password. None when the secret cannot be a key.
pub fn make(secret: &str, user: &str, ends: i64) -> Option<(String, String)> {
    let name = format!("{ends}:{user}");
    let password = password(secret, &name)?;
    Some((name, password))
}

fn password(secret: &str, name: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(name.as_bytes());
    Some(BASE64.encode(&mac.finalize().into_bytes()))
}

/// Tells the library the key of a name, and the quotas whose request is being answered.
pub(super) struct Credentials {
    secret: String,
    clock: Clock,
    quotas: Arc<Quotas>,
}

impl Credentials {
    pub fn new(secret: &str, clock: Clock, quotas: Arc<Quotas>) -> Self {
        Self { secret: secret.to_owned(), clock, quotas }
    }

    fn user<'a>(&self, name: &'a str) -> Option<&'a str> {
        let (ends, user) = name.split_once(':').filter(|_| name.len() <= NAME_BYTES)?;
        let ends: i64 = ends.parse().ok()?;
        (ends > self.clock.now_ms() / 1000).then_some(user)
    }
}

impl AuthHandler for Credentials {
    fn auth_handle(&self, name: &str, realm: &str, _: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        let user = self.user(name).ok_or(turn::Error::ErrNoSuchUser)?;
        let password = password(&self.secret, name).ok_or(turn::Error::ErrNoSuchUser)?;
        self.quotas.answering(user);
        Ok(generate_auth_key(name, realm, &password))
    }
}
