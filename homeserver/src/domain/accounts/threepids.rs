//! Third-party identifiers of accounts: e-mail addresses that people showed to be theirs.

use lettre::Address;
use ruma::{OwnedUserId, api::client::uiaa::UserIdentifier, thirdparty::Medium};
use unicase::UniCase;

use crate::store::{AccountRow, Durability, Purpose, ThreepidRow, UserSn};

use super::{AccountError, Accounts};

/// The medium of e-mail addresses.
pub const EMAIL: &str = "email";
/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3).
const LONGEST: usize = 254;
/// Addresses that one account may have.
const MOST: usize = 50;

/// Something about an address was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum ThreepidError {
    #[error("this server sends no mail")]
    NoMail,
    #[error("this is not an e-mail address")]
    InvalidAddress,
    #[error("next_link is a URL of http or https")]
    InvalidLink,
    #[error("this address belongs to an account here already")]
    InUse,
    #[error("no account here has this address")]
    Unknown,
    #[error("an account has at most {MOST} addresses")]
    TooMany,
    /// No mail goes out for an account that cannot be made.
    #[error("this server does not make accounts for everybody")]
    RegistrationClosed,
    #[error("the address is not confirmed yet, or the attempt is over")]
    NotValidated,
    #[error("the mail could not be sent")]
    NotSent,
}

/// An e-mail address that was shown to be somebody's.
#[derive(Clone, Debug)]
pub struct Validated {
    pub session_id: String,
    pub address: String,
    /// Milliseconds since 1970.
    pub validated_ts: i64,
}

/// An e-mail address as the specification compares it: case-folded.
pub fn canonical_email(text: &str) -> Option<String> {
    let address: Address = text.trim().parse().ok()?;
    let folded = UniCase::new(address.to_string()).to_folded_case();
    (folded.len() <= LONGEST && !folded.contains(char::is_control)).then_some(folded)
}

impl Accounts {
    /// Whether people can prove e-mail addresses here.
    pub fn sends_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// The addresses of an account.
    pub async fn threepids(&self, user: UserSn) -> Result<Vec<ThreepidRow>, AccountError> {
        Ok(self.store.read().await?.threepids(user).await?)
    }

    /// The address of an attempt whose mail was confirmed.
    pub async fn validated(
        &self,
        purpose: Purpose,
        session_id: &str,
        client_secret: &str,
    ) -> Result<Validated, AccountError> {
        let now = self.clock.now_ms();
        let session = self.store.read().await?.threepid_session(session_id, client_secret, now).await?;
        let session = session.filter(|session| session.purpose == purpose).ok_or(ThreepidError::NotValidated)?;
        let validated_ts = session.validated_ts.ok_or(ThreepidError::NotValidated)?;
        Ok(Validated { session_id: session.session_id, address: session.address, validated_ts })
    }

    /// Adds a confirmed address to an account; again is no mistake.
    pub async fn add_threepid(&self, user: UserSn, shown: Validated) -> Result<(), AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let there = tx.threepids(user).await?;
                    if there.len() >= MOST && !there.iter().any(|row| row.address == shown.address) {
                        return Err(ThreepidError::TooMany.into());
                    }
                    if !tx.put_threepid(user, EMAIL, &shown.address, shown.validated_ts).await? {
                        return Err(ThreepidError::InUse.into());
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Takes an address from an account.
    pub async fn delete_threepid(&self, user: UserSn, medium: &Medium, address: &str) -> Result<(), AccountError> {
        let (medium, address) = (medium.to_string(), canonical(medium, address));
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { Ok(tx.delete_threepid(user, &medium, &address).await?) })
            })
            .await
    }

    /// Gives the account with a confirmed address another password. The attempt is good for one.
    pub async fn reset_password(&self, shown: Validated, password: &str) -> Result<AccountRow, AccountError> {
        let hash = self.passwords.hash(password).await?;
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if !tx.take_threepid_session(&shown.session_id).await? {
                        return Err(ThreepidError::NotValidated.into());
                    }
                    let (user, user_id) =
                        tx.threepid_owner(EMAIL, &shown.address).await?.ok_or(ThreepidError::Unknown)?;
                    tx.set_password_hash(user, Some(&hash)).await?;
                    Ok(tx.account(&user_id).await?.ok_or(ThreepidError::Unknown)?)
                })
            })
            .await
    }

    /// The account that a client names in any of the ways it may, when this is its password. Wrong names take as long as wrong passwords.
    pub async fn check_password_of(
        &self,
        identifier: &UserIdentifier,
        password: &str,
    ) -> Result<AccountRow, AccountError> {
        if let UserIdentifier::Matrix(id) = identifier {
            return self.check_password(&id.user, password).await;
        }
        let (medium, address) = identifier.as_third_party_id().unwrap_or((&Medium::Msisdn, ""));
        let address = canonical(medium, address);
        match self.owner_of(medium, &address).await? {
            Some(user_id) => self.check_password(user_id.as_str(), password).await,
            // No name has such signs: it is only counted by.
            None => self.check_password(&format!("<{address}>"), password).await,
        }
    }

    async fn owner_of(&self, medium: &Medium, address: &str) -> Result<Option<OwnedUserId>, AccountError> {
        let owner = self.store.read().await?.threepid_owner(medium.as_str(), address).await?;
        Ok(owner.map(|(_, user_id)| user_id))
    }
}

/// An address as it is kept; what is no address stays as it is and is not found.
fn canonical(medium: &Medium, address: &str) -> String {
    match medium {
        Medium::Email => canonical_email(address).unwrap_or_else(|| address.to_owned()),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::canonical_email;

    #[test]
    fn addresses_are_compared_without_their_case() {
        assert_eq!(canonical_email(" Strauß@Example.COM ").as_deref(), Some("strauss@example.com"));
        for wrong in ["", "alice", "alice@", "@example.com", "a@b@c", "a b@example.com", "a\r\nBcc: x@example.com"] {
            assert_eq!(canonical_email(wrong), None, "{wrong:?}");
        }
        assert_eq!(canonical_email(&format!("{}@example.com", "a".repeat(300))), None);
    }
}
