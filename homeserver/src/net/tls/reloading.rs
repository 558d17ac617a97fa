//! A certificate that is read again when its files have changed, so that a renewed one needs no restart.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{TlsError, certificates, provider, read};

const LOOK: Duration = Duration::from_secs(60);

/// What a file was when it was looked at.
type Stamp = Option<(SystemTime, u64)>;

/// Our certificate and its key, in two files.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    now: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<[Stamp; 2]>,
}

impl Certificate {
    /// Reads both files.
    pub fn open(chain: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let seen = [stamp(chain), stamp(key)];
        let now = RwLock::new(Arc::new(load(chain, key)?));
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), now, seen: Mutex::new(seen) }))
    }

    /// Reads them again if they have changed; whether they had. What cannot be used is told once, and the former one stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let stamps = [stamp(&self.chain), stamp(&self.key)];
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), stamps);
        if before == stamps {
            return Ok(false);
        }
        let new = Arc::new(load(&self.chain, &self.key)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Looks at the files every minute until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let this = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(true)) => tracing::info!(path = %self.chain.display(), "the certificate was read again"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the new certificate cannot be used; the former one stays in use")
                }
                Err(error) => tracing::error!(%error, "the certificate could not be looked at"),
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn load(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let pem = |what| TlsError::Pem { path: key.to_owned(), what };
    let certificates = certificates(chain)?;
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| pem("private key"))?;
    Ok(CertifiedKey::from_der(certificates, secret, &provider())?)
}

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::Certificate;
    use crate::net::tls::{self_made_paths, self_made_server_config};

    fn chain(certificate: &Arc<Certificate>) -> Vec<u8> {
        certificate.now.read().unwrap().cert.first().unwrap().to_vec()
    }

    fn put(from: &Path, to: &Path) {
        // A file that is replaced within the clock's resolution is told by its length.
        let mut content = std::fs::read(from).unwrap();
        content.extend(b"\n".repeat(usize::from(to.exists())));
        std::fs::write(to, content).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_half_of_one_is_not() {
        let [made, renewed, served] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        for folder in [&made, &renewed] {
            self_made_server_config(folder.path(), "localhost").unwrap();
        }
        let (from, to) = (self_made_paths(made.path()), self_made_paths(served.path()));
        put(&from.0, &to.0);
        put(&from.1, &to.1);
        let certificate = Certificate::open(&to.0, &to.1).unwrap();
        let first = chain(&certificate);
        assert!(!certificate.reload().unwrap());

        let from = self_made_paths(renewed.path());
        put(&from.0, &to.0);
        assert!(certificate.reload().is_err(), "its key is not there yet");
        assert_eq!(chain(&certificate), first);
        assert!(!certificate.reload().unwrap(), "it is told once");
        put(&from.1, &to.1);
        assert!(certificate.reload().unwrap());
        assert_ne!(chain(&certificate), first);
    }
}
