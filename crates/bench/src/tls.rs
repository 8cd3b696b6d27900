//! A certificate authority and a server's certificate, both made anew at each start.

use std::io::{self, Error};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// A TLS server for 127.0.0.1 and localhost; the authority's PEM is written to the file.
pub(crate) fn acceptor(ca_file: &Path, http2: bool) -> io::Result<TlsAcceptor> {
    let mut authority = CertificateParams::default();
    // With the same name on both, OpenSSL takes the server's certificate for one that signed itself.
    authority.distinguished_name.push(DnType::CommonName, "authority of fixed-answers");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, key()?).map_err(Error::other)?;
    let server = key()?;
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let certificate =
        CertificateParams::new(names).and_then(|params| params.signed_by(&server, &authority)).map_err(Error::other)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(Error::other)?;
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    std::fs::write(ca_file, authority.pem())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(Error::other)
}
