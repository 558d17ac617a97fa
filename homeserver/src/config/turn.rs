//! The TURN server that calls may use.

use serde::{Deserialize, Serialize};

/// A TURN server: its URIs, and either one name and password for everybody or the secret from which each user's are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// `turn:` and `turns:` URIs.
    pub uris: Vec<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// The secret that the TURN server knows too (`static-auth-secret` of coturn).
    pub secret: Option<String>,
    /// Seconds that credentials live.
    pub lifetime: u32,
}

impl Default for Turn {
    fn default() -> Self {
        Self { uris: Vec::new(), username: None, password: None, secret: None, lifetime: 24 * 3600 }
    }
}

impl Turn {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.uris.is_empty() || !self.uris.iter().all(|uri| uri.starts_with("turn:") || uri.starts_with("turns:")) {
            return Err("uris must name at least one URI, and each begins with `turn:` or `turns:`");
        }
        if self.lifetime == 0 {
            return Err("lifetime is a number of seconds above 0");
        }
        match (&self.secret, &self.username, &self.password) {
            (Some(secret), None, None) if !secret.is_empty() => Ok(()),
            (None, Some(_), Some(_)) => Ok(()),
            _ => Err("give either a secret, or a username and a password"),
        }
    }
}
