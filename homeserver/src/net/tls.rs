//! TLS: our certificate as a server, and the roots we trust as a client.

mod reloading;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use thiserror::Error;

pub use self::reloading::Certificate;

const SELF_MADE_CERTIFICATE: &str = "tls-certificate.pem";
const SELF_MADE_KEY: &str = "tls-key.pem";
const PEM_MAX: u64 = 1024 * 1024;

#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} holds no {what} in PEM form")]
    Pem { path: PathBuf, what: &'static str },
    #[error("the certificate and its key do not work: {0}")]
    Certificate(#[from] rustls::Error),
    #[error("a certificate for {name} cannot be made: {source}")]
    SelfMade { name: String, source: rcgen::Error },
}

/// The server's side from a PEM chain and its key, for HTTP/2 and HTTP/1.1.
pub fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    config_of(Certificate::open(certificate, key)?)
}

/// The same with a certificate that may change.
pub fn config_of(certificate: Arc<Certificate>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The server's side with [`self_made`].
pub fn self_made_server_config(folder: &Path, host: &str) -> Result<Arc<ServerConfig>, TlsError> {
    config_of(self_made(folder, host)?)
}

/// A certificate of our own making for this host, made once and kept in the data folder.
pub fn self_made(folder: &Path, host: &str) -> Result<Arc<Certificate>, TlsError> {
    let (certificate, key) = self_made_paths(folder);
    if !certificate.exists() || !key.exists() {
        let made = rcgen::generate_simple_self_signed([host.trim_matches(['[', ']']).to_owned()])
            .map_err(|source| TlsError::SelfMade { name: host.to_owned(), source })?;
        let write = |path: &Path, pem: &str| {
            crypto::files::write(path, pem.as_bytes())
                .map_err(|source| TlsError::File { path: path.to_owned(), source })
        };
        write(&key, &zeroize::Zeroizing::new(made.signing_key.serialize_pem()))?;
        write(&certificate, &made.cert.pem())?;
    }
    Certificate::open(&certificate, &key)
}

/// Where [`self_made`] keeps certificate and key, in this order.
pub fn self_made_paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join(SELF_MADE_CERTIFICATE), folder.join(SELF_MADE_KEY))
}

/// The client's side: the system's roots and those of `--trusted-ca`.
#[derive(Clone)]
pub struct ClientTls(Arc<Roots>);

struct Roots {
    extra: Vec<CertificateDer<'static>>,
    with_system: bool,
    /// Reading the system's roots takes tens of milliseconds, which a start should not wait for.
    config: OnceLock<Result<Arc<ClientConfig>, rustls::Error>>,
}

impl ClientTls {
    /// Reads the extra roots now, so that a wrong path is told at start, and the system's at the first connection.
    pub fn new(trusted_ca: &[PathBuf]) -> Result<Self, TlsError> {
        Self::from_files(trusted_ca, true)
    }

    /// Trusts these roots and no others.
    pub fn only(trusted_ca: &[PathBuf]) -> Result<Self, TlsError> {
        Self::from_files(trusted_ca, false)
    }

    fn from_files(trusted_ca: &[PathBuf], with_system: bool) -> Result<Self, TlsError> {
        let mut extra = Vec::new();
        let mut check = RootCertStore::empty();
        for path in trusted_ca {
            for certificate in certificates(path)? {
                check.add(certificate.clone())?;
                extra.push(certificate);
            }
        }
        Ok(Self(Arc::new(Roots { extra, with_system, config: OnceLock::new() })))
    }

    /// For HTTP/1.1. The first call reads the system's roots and blocks for that.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        self.0.config.get_or_init(|| self.0.build()).clone()
    }

    /// Whether [`Self::config`] would block.
    pub(super) fn is_ready(&self) -> bool {
        self.0.config.get().is_some()
    }
}

impl Roots {
    fn build(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if self.with_system {
            let system = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(system.certs);
            if added == 0 {
                tracing::warn!(errors = ?system.errors, "this system has no root certificates: only those given as trusted are used");
            }
        }
        for certificate in &self.extra {
            roots.add(certificate.clone())?;
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    // Named, because two providers are linked and rustls then has no default.
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = || TlsError::Pem { path: path.to_owned(), what: "certificate" };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<_, _>>().map_err(|_| pem())?;
    if found.is_empty() { Err(pem()) } else { Ok(found) }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, TlsError> {
    let file = |source| TlsError::File { path: path.to_owned(), source };
    crypto::files::read(path, PEM_MAX).map_err(file)?.ok_or_else(|| file(io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::{ClientTls, TlsError, self_made_paths, self_made_server_config, server_config};

    #[test]
    fn a_self_made_certificate_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        self_made_server_config(folder.path(), "localhost").unwrap();
        let (certificate, key) = self_made_paths(folder.path());
        let first = (std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
        self_made_server_config(folder.path(), "localhost").unwrap();
        assert_eq!((std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap()), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        ClientTls::new(&[certificate]).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.pem");
        assert!(matches!(ClientTls::new(&[absent]), Err(TlsError::File { .. })));
        let garbage = folder.path().join("garbage.pem");
        std::fs::write(&garbage, "hello").unwrap();
        assert!(matches!(ClientTls::new(std::slice::from_ref(&garbage)), Err(TlsError::Pem { .. })));
        self_made_server_config(folder.path(), "127.0.0.1").unwrap();
        let (certificate, _) = self_made_paths(folder.path());
        assert!(matches!(server_config(&certificate, &garbage), Err(TlsError::Pem { what: "private key", .. })));
        let other = tempfile::tempdir().unwrap();
        self_made_server_config(other.path(), "127.0.0.1").unwrap();
        let (_, foreign) = self_made_paths(other.path());
        assert!(matches!(server_config(&certificate, &foreign), Err(TlsError::Certificate(_))));
    }
}
