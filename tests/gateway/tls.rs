//! TLS, as whoever renews certificates sees it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::anchor::Anchor;
use crate::eventually;

/// Writes a new certificate, and gives what those know who trust it.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, key_pair } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), key_pair.serialize_pem()).unwrap();
    fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

/// What the gateway answers to somebody who trusts that certificate alone.
fn asks(port: u16, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let client = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(("127.0.0.1", port))?);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    // It need not say goodbye in TLS as well.
    _ = stream.read_to_string(&mut answer);
    Ok(answer)
}

fn opens(folder: &TempDir) -> Anchor {
    let file = |name| folder.path().join(name).display().to_string();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    Anchor::opens_with(&["--tls-certificate", &certificate, "--tls-key", &key])
}

#[test]
fn a_renewed_certificate_is_shown_to_whoever_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path());
    let anchor = opens(&folder);
    assert!(asks(anchor.port(), &first).unwrap().starts_with("HTTP/1.1 200"));
    let second = certify(folder.path());
    anchor.hears("-HUP");
    eventually("the new one is shown", || asks(anchor.port(), &second).is_ok());
    assert!(asks(anchor.port(), &first).is_err());
    let third = certify(folder.path());
    eventually("it looks by itself", || asks(anchor.port(), &third).is_ok());
}

#[test]
fn a_certificate_that_is_no_good_does_not_take_the_place_of_one_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path());
    let anchor = opens(&folder);
    fs::write(folder.path().join("certificate.pem"), "renewal failed").unwrap();
    anchor.hears("-HUP");
    eventually("it says so", || {
        fs::read_to_string(anchor.log()).unwrap().contains("the new certificate is not used")
    });
    assert!(asks(anchor.port(), &first).unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn whoever_does_not_speak_tls_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path());
    let anchor = opens(&folder);
    let mut stream = TcpStream::connect(("127.0.0.1", anchor.port())).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}
