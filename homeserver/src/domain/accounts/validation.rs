//! Showing that an e-mail address is one's own: a mail with a link, and the page behind it.

use std::time::{Duration, UNIX_EPOCH};

use url::Url;

use crate::{
    net::smtp::{Mail, Smtp},
    store::{Durability, NewThreepidSession, Purpose, ThreepidSession},
};

use super::{AccountError, Accounts, Limit, ThreepidError, canonical_email, secrets::random_token, threepids::EMAIL};

/// The path of the page that a mail leads to; its query holds the token.
pub const CONFIRM_PATH: &str = "/_hearth/client/v1/email/confirm";
/// How long a mail can be confirmed, and how long the client may go on afterwards.
const LIFE_MS: i64 = 3_600_000;
/// The longest link to go on to, in bytes.
const LONGEST_LINK: usize = 2048;
/// Mails to one address.
const MAILS: Limit = Limit { burst: 5, every: Duration::from_secs(600) };

/// What a client asks a mail for. Has no `Debug`: it holds a secret.
pub struct MailRequest {
    pub email: String,
    pub client_secret: String,
    /// A mail is sent for a higher number than the one before, and for no other.
    pub send_attempt: i64,
    /// Where the person goes once the address is confirmed.
    pub next_link: Option<String>,
}

/// What is done for a request.
enum Begun {
    /// The mail is on its way since an earlier request.
    Before(String),
    Now {
        session_id: String,
        earlier_attempt: i64,
    },
}

impl Accounts {
    /// Sends a mail with which a person shows that the address is theirs; answers the attempt's id.
    pub async fn request_mail(&self, purpose: Purpose, wish: MailRequest) -> Result<String, AccountError> {
        let mail = self.mail.clone().ok_or(ThreepidError::NoMail)?;
        let address = canonical_email(&wish.email).ok_or(ThreepidError::InvalidAddress)?;
        if !wish.next_link.as_deref().is_none_or(is_link) {
            return Err(ThreepidError::InvalidLink.into());
        }
        if purpose == Purpose::Register && !self.registration_open() {
            return Err(ThreepidError::RegistrationClosed.into());
        }
        let owner = self.store.read().await?.threepid_owner(EMAIL, &address).await?;
        match (purpose, owner) {
            (Purpose::Password, None) => return Err(ThreepidError::Unknown.into()),
            (Purpose::Add | Purpose::Register, Some(_)) => return Err(ThreepidError::InUse.into()),
            _ => {}
        }
        let token = random_token(&mut rand::rng());
        let new = NewThreepidSession {
            session_id: random_token(&mut rand::rng()),
            purpose,
            address: address.clone(),
            client_secret: wish.client_secret,
            send_attempt: wish.send_attempt,
            next_link: wish.next_link,
            expires_ts: self.clock.now_ms().saturating_add(LIFE_MS),
        };
        let (session_id, earlier_attempt) = match self.begin(new, token.clone()).await? {
            Begun::Before(session_id) => return Ok(session_id),
            Begun::Now { session_id, earlier_attempt } => (session_id, earlier_attempt),
        };
        // A client that does not wait for the answer must not stop the mail half way.
        let (accounts, attempt) = (self.clone(), session_id.clone());
        let sending = tokio::spawn(async move {
            let sent = accounts.send_mail(&mail, purpose, &address, &token).await;
            if sent.is_err() {
                accounts.take_back(attempt, token, earlier_attempt).await?;
            }
            sent
        });
        sending.await.map_err(|_| ThreepidError::NotSent)??;
        Ok(session_id)
    }

    /// What a mail's token stands for, while it is good.
    pub async fn mail_of_token(&self, token: &str) -> Result<Option<ThreepidSession>, AccountError> {
        Ok(self.store.read().await?.threepid_session_of_token(token, self.clock.now_ms()).await?)
    }

    /// The person who got the mail confirmed it.
    pub async fn confirm_mail(&self, token: String) -> Result<Option<ThreepidSession>, AccountError> {
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let now = tx.now_ms();
                    let Some(session) = tx.threepid_session_of_token(&token, now).await? else { return Ok(None) };
                    tx.validate_threepid_session(&session.session_id, now.saturating_add(LIFE_MS)).await?;
                    Ok(Some(session))
                })
            })
            .await
    }

    async fn begin(&self, mut new: NewThreepidSession, token: String) -> Result<Begun, AccountError> {
        let limits = self.limits.clone();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    let mut earlier_attempt = -1;
                    if let Some(alike) = tx.threepid_session_alike(&new).await? {
                        if new.send_attempt <= alike.send_attempt {
                            return Ok(Begun::Before(alike.session_id));
                        }
                        (new.session_id, earlier_attempt) = (alike.session_id, alike.send_attempt);
                    }
                    limits.take(&format!("mail to {}", new.address), MAILS)?;
                    tx.put_threepid_session(&new, &token).await?;
                    Ok(Begun::Now { session_id: new.session_id, earlier_attempt })
                })
            })
            .await
    }

    async fn send_mail(&self, smtp: &Smtp, purpose: Purpose, address: &str, token: &str) -> Result<(), AccountError> {
        // As it is compared, not as it was typed: whoever has a mailbox that is spelt almost alike gets nothing.
        let to = address.parse().map_err(|_| ThreepidError::InvalidAddress)?;
        let base = self.config.public_url.as_ref().ok_or(ThreepidError::NoMail)?;
        let link = format!("{}{CONFIRM_PATH}?token={token}", base.as_str().trim_end_matches('/'));
        let (subject, what) = words(purpose);
        let text = format!(
            "Hello,\n\nsomebody wants {what} on {}.\nIf that is you, open this page and confirm it:\n\n{link}\n\n\
             The link is good for an hour. If it is not you, do nothing: then nothing changes.\n",
            self.server_name,
        );
        let now = Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or_default());
        let id = random_token(&mut rand::rng());
        let mail = Mail { to, subject, text, date: UNIX_EPOCH + now, id };
        smtp.send(mail).await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "A mail could not be sent.");
            ThreepidError::NotSent.into()
        })
    }

    async fn take_back(&self, session_id: String, token: String, send_attempt: i64) -> Result<(), AccountError> {
        self.store
            .write(Durability::Normal, move |tx| {
                Box::pin(async move { Ok(tx.forget_threepid_token(&session_id, &token, send_attempt).await?) })
            })
            .await
    }
}

/// The subject of a mail, and what somebody wants.
fn words(purpose: Purpose) -> (&'static str, &'static str) {
    match purpose {
        Purpose::Add => ("Confirm your e-mail address", "to add this e-mail address to an account"),
        Purpose::Password => ("Choose a new password", "a new password for the account with this e-mail address"),
        Purpose::Register => ("Confirm your e-mail address", "to make an account with this e-mail address"),
    }
}

fn is_link(text: &str) -> bool {
    text.len() <= LONGEST_LINK
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
