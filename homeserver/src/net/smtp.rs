//! Mail: one server that takes what we send, over TLS where it is another machine.

use std::{
    io,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use thiserror::Error;
use tokio::{sync::Semaphore, time::timeout};
use url::Url;

/// From the connection to the server's last word.
const DEADLINE: Duration = Duration::from_secs(30);
/// Connections at once.
const AT_ONCE: usize = 4;
/// The ports of submission without and with TLS (RFC 8314).
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// Where mail goes and whom it comes from. Has no `Debug`: it holds a password.
pub struct SmtpOptions<'a> {
    /// `smtp:` or `smtps:` with a host.
    pub url: &'a Url,
    pub from: &'a str,
    /// A name and a password.
    pub credentials: Option<(String, String)>,
    /// Roots to trust beside the system's, in PEM.
    pub trusted_ca: &'a [PathBuf],
}

/// A mail in plain text.
pub struct Mail {
    pub to: Address,
    pub subject: &'static str,
    pub text: String,
    pub date: SystemTime,
    /// The left part of its `Message-ID`.
    pub id: String,
}

/// The settings of mail cannot work.
#[derive(Debug, Error)]
pub enum SmtpError {
    #[error("smtp: {0}")]
    Settings(&'static str),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("smtp: {0}")]
    Tls(#[from] lettre::transport::smtp::Error),
}

/// A mail was not taken.
#[derive(Debug, Error)]
pub enum MailError {
    #[error("the mail server did not answer in time")]
    Timeout,
    #[error("the mail cannot be written")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server did not take it")]
    Refused(#[from] lettre::transport::smtp::Error),
}

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Smtp(Arc<Inner>);

struct Inner {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    turns: Semaphore,
}

impl Smtp {
    /// Reads the certificates to trust; connects only when there is something to send.
    pub fn new(options: SmtpOptions<'_>) -> Result<Self, SmtpError> {
        let host = options.url.host_str().ok_or(SmtpError::Settings("the URL has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let from: Mailbox =
            options.from.parse().map_err(|_| SmtpError::Settings("smtp_from is not an e-mail address"))?;
        let (port, tls) = if options.url.scheme() == "smtps" {
            (SUBMISSIONS, Tls::Wrapper(parameters(host, options.trusted_ca)?))
        } else if is_this_machine(host) {
            (SUBMISSION, Tls::None)
        } else if options.credentials.is_some() {
            (SUBMISSION, Tls::Required(parameters(host, options.trusted_ca)?))
        } else {
            (SUBMISSION, Tls::Opportunistic(parameters(host, options.trusted_ca)?))
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(options.url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(DEADLINE))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        if let Some((user, password)) = options.credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self(Arc::new(Inner { transport: builder.build(), from, turns: Semaphore::new(AT_ONCE) })))
    }

    /// Returns once the server took the mail.
    pub async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let Inner { transport, from, turns } = &*self.0;
        let message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, mail.to))
            .subject(mail.subject)
            .date(mail.date)
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .body(mail.text)?;
        let exchange = async {
            let _turn = turns.acquire().await;
            transport.send(message).await
        };
        timeout(DEADLINE, exchange).await.map_err(|_| MailError::Timeout)??;
        Ok(())
    }
}

/// Mail between programs of one machine needs no TLS, for which such servers have no certificate.
fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn parameters(host: &str, trusted_ca: &[PathBuf]) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    for path in trusted_ca {
        let pem = std::fs::read(path).map_err(|source| SmtpError::File { path: path.clone(), source })?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    Ok(builder.build()?)
}
