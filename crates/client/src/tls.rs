use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    WantsVerifier,
};

/// TLS with HTTP/2 where it is offered, trusting the authorities of `pem` alone.
pub(crate) fn trusting_only(pem: &str) -> Result<ClientConfig, String> {
    let roots = roots_of(pem)?;
    Ok(with_alpn(builder(provider())?.with_root_certificates(roots).with_no_client_auth()))
}

/// TLS with HTTP/2 where it is offered, trusting the system's authorities and the extra ones.
pub(crate) fn trusting_system_and(extra: Option<RootCertStore>) -> Result<ClientConfig, String> {
    let provider = provider();
    let roots = Arc::new(SystemRoots::new(Arc::clone(&provider), extra)?);
    let config = builder(provider)?.dangerous().with_custom_certificate_verifier(roots);
    Ok(with_alpn(config.with_no_client_auth()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder(provider: Arc<CryptoProvider>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    let builder = ClientConfig::builder_with_provider(provider);
    builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())
}

fn with_alpn(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Reads certificates; on failure, what is wrong with the text.
pub(crate) fn roots_of(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "holds a damaged PEM block")?;
        roots.add(certificate).map_err(|_| "holds a PEM block that is no certificate")?;
    }
    if roots.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(roots) }
}

/// The system's verifier, loaded at the first handshake: a client that speaks plain HTTP never pays for it.
///
/// Images without `ca-certificates` (as `node:slim`) are common, and Node itself works in them: there, Mozilla's roots
/// take the place of the system's.
#[derive(Debug)]
struct SystemRoots {
    provider: Arc<CryptoProvider>,
    /// Trusted beside the system's, and asked first.
    extra: Option<Arc<dyn ServerCertVerifier>>,
    verifier: OnceLock<Result<Arc<dyn ServerCertVerifier>, Error>>,
}

impl SystemRoots {
    fn new(provider: Arc<CryptoProvider>, extra: Option<RootCertStore>) -> Result<Self, String> {
        let extra = extra.map(|roots| verifier_of(roots, &provider)).transpose().map_err(|error| error.to_string())?;
        Ok(Self { provider, extra, verifier: OnceLock::new() })
    }

    fn load(&self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if let Ok(system) = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider)) {
            return Ok(Arc::new(system));
        }
        self.bundled()
    }

    fn bundled(&self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        verifier_of(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()), &self.provider)
    }
}

fn verifier_of(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    built.map(|verifier| verifier as _).map_err(|error| Error::General(error.to_string()))
}

impl ServerCertVerifier for SystemRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let refusal = match self.extra.as_ref().map(verify) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(refusal)) => Some(refusal),
            None => None,
        };
        let system = self.verifier.get_or_init(|| self.load()).as_ref().map_err(Clone::clone)?;
        // Where the extra authorities know the issuer, their refusal says more than "unknown".
        let known = refusal.filter(|error| *error != Error::from(CertificateError::UnknownIssuer));
        verify(system).map_err(|error| known.unwrap_or(error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_roots_even_where_the_system_has_none() {
        assert!(SystemRoots::new(provider(), None).unwrap().bundled().is_ok());
    }
}
