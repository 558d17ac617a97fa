//! The server that takes our mail.

use lettre::message::Mailbox;
use url::Url;

use super::{Config, ConfigError};
use crate::net::smtp::{Smtp, SmtpOptions};

impl Config {
    pub(super) fn check_mail(&self) -> Result<(), &'static str> {
        let Some(smtp) = &self.smtp else {
            let alone = self.smtp_from.is_none() && self.smtp_user.is_none() && self.smtp_password_file.is_none();
            return if alone { Ok(()) } else { Err("smtp_from, smtp_user and smtp_password_file belong to smtp") };
        };
        if !is_server(smtp) {
            return Err("the URL is smtp://host:port or smtps://host:port and nothing more");
        }
        if self.smtp_from.as_deref().is_none_or(|from| from.parse::<Mailbox>().is_err()) {
            return Err("smtp_from is needed, an address like `Hearth <hearth@example.org>`");
        }
        if self.smtp_user.is_some() != self.smtp_password_file.is_some() {
            return Err("give both smtp_user and smtp_password_file, or neither");
        }
        if self.public_url.is_none() {
            return Err("public_url is needed: links in mails lead there");
        }
        Ok(())
    }

    /// The way to send mail, when the settings name one.
    pub fn mail(&self) -> Result<Option<Smtp>, ConfigError> {
        let (Some(url), Some(from)) = (&self.smtp, &self.smtp_from) else { return Ok(None) };
        let credentials = match (&self.smtp_user, &self.smtp_password_file) {
            (Some(user), Some(path)) => {
                let password =
                    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
                Some((user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()))
            }
            _ => None,
        };
        let options = SmtpOptions { url, from, credentials, trusted_ca: &self.trusted_ca };
        Ok(Some(Smtp::new(options)?))
    }
}

fn is_server(url: &Url) -> bool {
    matches!(url.scheme(), "smtp" | "smtps")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}
