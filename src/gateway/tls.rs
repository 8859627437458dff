//! TLS: a certificate in files, which may be renewed while the gateway runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use thiserror::Error;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::lobby::Lobby;

/// How often the files are looked at.
const LOOKS: Duration = Duration::from_secs(10);

/// The files of a certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to a known one.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read, or holds no such thing.
    #[error("there is no {what} in {}", path.display())]
    Unreadable {
        /// What was to be there.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The two do not fit each other, or are of a kind that is not spoken here.
    #[error("the certificate in {} can't be used with its key", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The certificate that is shown now.
#[derive(Debug)]
pub(super) struct Certificate {
    files: TlsFiles,
    shown: RwLock<Arc<CertifiedKey>>,
    looked: Mutex<Stamps>,
    /// Told when the files are to be read again, whether they look changed or not.
    pub(super) renewed: Notify,
}

/// How files looked when they were read last.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    pub(super) fn open(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let looked = Mutex::new(files.stamps());
        let shown = RwLock::new(Arc::new(files.read()?));
        Ok(Arc::new(Self { files, shown, looked, renewed: Notify::new() }))
    }

    /// What takes in connections.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let unusable = |source| TlsError::Unusable { path: self.files.certificate.clone(), source };
        let config = rustls::ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }

    /// Shows what the files hold, whenever that has changed, until the gateway closes.
    pub(super) async fn follow(self: Arc<Self>, lobby: Arc<Lobby>) {
        loop {
            let told = tokio::select! {
                () = self.renewed.notified() => true,
                () = tokio::time::sleep(LOOKS) => false,
                () = lobby.left() => return,
            };
            let certificate = self.clone();
            // Files are read where that holds up nobody.
            _ = tokio::task::spawn_blocking(move || certificate.look(told)).await;
        }
    }

    fn look(&self, told: bool) {
        let stamps = self.files.stamps();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !told && *looked == stamps {
            return;
        }
        // A key that does not fit yet is looked at again once it has changed as well.
        *looked = stamps;
        let path = self.files.certificate.display();
        match self.files.read() {
            Ok(key) => {
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(%path, "the certificate was read again");
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the new certificate is not used, and the old one still is"
            ),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl TlsFiles {
    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let unreadable = |what, path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Unreadable { what, path, source }
        };
        let no_certificate = || unreadable("certificate", &self.certificate);
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(no_certificate())?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(no_certificate())?;
        if chain.is_empty() {
            return Err(no_certificate()(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key);
        let key = key.map_err(unreadable("private key", &self.key))?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        certified.map_err(|source| TlsError::Unusable { path: self.certificate.clone(), source })
    }

    fn stamps(&self) -> Stamps {
        [&self.certificate, &self.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }
}
