//! What people and clients are told before they have an account.

use std::collections::BTreeMap;

use ruma::api::client::{
    discovery::discover_support::Contact,
    uiaa::{PolicyDefinition, PolicyTranslation},
};
use serde::{Deserialize, Serialize};
use url::Url;

/// Whom people can ask for help.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Support {
    /// The URL of a page that helps.
    pub page: Option<Url>,
    /// People, each with a `role` and a `matrix_id` or an `email_address`.
    pub contacts: Vec<Contact>,
}

impl Support {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.page.is_none() && self.contacts.is_empty() {
            return Err("name a page or a contact");
        }
        if self.contacts.iter().any(|contact| contact.matrix_id.is_none() && contact.email_address.is_none()) {
            return Err("a contact needs a matrix_id or an email_address");
        }
        Ok(())
    }
}

/// A document that people accept when they make an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsDocument {
    pub version: String,
    /// By language, like `en`.
    pub languages: BTreeMap<String, PolicyTranslation>,
}

impl TermsDocument {
    pub(super) fn is_complete(&self) -> bool {
        let web = |url: &str| Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let whole = |page: &PolicyTranslation| !page.name.is_empty() && web(&page.url);
        !self.version.is_empty() && !self.languages.is_empty() && self.languages.values().all(whole)
    }

    /// The document as clients are told of it.
    pub fn definition(&self) -> PolicyDefinition {
        PolicyDefinition::new(self.version.clone(), self.languages.clone())
    }
}

/// Whether paths of the Client-Server API can be appended to the URL.
pub(super) fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
}
