//! Servers that federate over HTTPS on loopback: each has an address and a certificate of its own, from one authority.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tempfile::TempDir;

use crate::server::Serve;

/// The port that other servers use.
const PORT: u16 = 8448;

/// Loopback addresses given out by this process.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A certificate authority and the servers that trust it.
pub struct Network {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Network {
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let folder = TempDir::with_prefix("hearth-network-")?;
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key)?.pem())?;
        std::fs::write(folder.path().join("ca.key"), key.serialize_pem())?;
        Ok(Self { issuer: Issuer::new(params, key), folder })
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The authority's key, for a peer that makes its own certificate.
    pub fn ca_key(&self) -> PathBuf {
        self.folder.path().join("ca.key")
    }

    /// A server whose name is its own loopback address: `127.x.y.z:8448`.
    pub fn server(&self) -> Result<Serve> {
        let address = own_address();
        let name = format!("{address}:{PORT}");
        let (cert, key) = self.leaf(address)?;
        Ok(Serve::new(&name)?
            .flag("--federation-listen", &name)
            .flag("--tls-cert", cert)
            .flag("--tls-key", key)
            .flag("--trusted-ca", self.ca())
            .flag("--allow-network", "127.0.0.0/8"))
    }

    /// A certificate for an address; answers the files of the chain and its key.
    pub fn leaf(&self, address: Ipv4Addr) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(address))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let cert = params.signed_by(&key, &self.issuer)?;
        let paths =
            (self.folder.path().join(format!("{address}.pem")), self.folder.path().join(format!("{address}.key")));
        std::fs::write(&paths.0, cert.pem())?;
        std::fs::write(&paths.1, key.serialize_pem())?;
        Ok(paths)
    }
}

/// An address of 127/8 that no other test process uses at this time: so every server can have the usual port.
pub fn own_address() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.clamp(1, 254), low, NEXT.fetch_add(1, Ordering::Relaxed))
}
