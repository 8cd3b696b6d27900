use std::sync::Arc;

use hyper::Version;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sandbar_client::{CallOptions, ClientOptions, ErrorRecord};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use crate::service::{Reply, Service, client_of};

/// An authority's certificate as PEM, and a server that it vouches for.
pub(crate) fn authority(protocols: &[&str]) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost", "127.0.0.1", "far.invalid"].map(str::to_owned).to_vec()).unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap();
    (issuer.pem(), acceptor(&certificate, &key, protocols))
}

/// A server's own certificate as PEM, and the server.
fn self_signed(is_ca: IsCa) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), acceptor(&certificate, &key, &[]))
}

fn acceptor(certificate: &Certificate, key: &KeyPair, protocols: &[&str]) -> TlsAcceptor {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn service(acceptor: TlsAcceptor) -> (Service, String) {
    let service = Service::start_tls(vec![Reply::json(200, &json!({"sandboxID": "sb-1"}))], acceptor).await;
    let url = format!("https://localhost:{}", service.address.port());
    (service, url)
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_http_2_is_spoken() {
    let (ca, acceptor) = authority(&["h2", "http/1.1"]);
    let (service, url) = service(acceptor).await;
    let client = client_of(&ClientOptions { ca: Some(ca), ..ClientOptions::default() }, &url);
    let calls = (0..8).map(|_| client.get("sb-1", CallOptions::default()));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().value.sandbox_id, "sb-1");
    }
    assert_eq!(service.seen()[0].version, Version::HTTP_2);
    assert_eq!(service.seen()[0].header("x-api-key"), crate::service::KEY);
}

#[tokio::test]
async fn without_an_offer_http_1_is_spoken() {
    let (ca, acceptor) = authority(&[]);
    let (service, url) = service(acceptor).await;
    let client = client_of(&ClientOptions { ca: Some(ca), ..ClientOptions::default() }, &url);
    client.get("sb-1", CallOptions::default()).await.unwrap();
    assert_eq!(service.seen()[0].version, Version::HTTP_11);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (_, acceptor) = authority(&["h2"]);
    let (other, _) = authority(&[]);
    let (service, url) = service(acceptor).await;
    for ca in [None, Some(other)] {
        let client = client_of(&ClientOptions { ca, ..ClientOptions::default() }, &url);
        let error = client.get("sb-1", CallOptions::default()).await.unwrap_err();
        let record = ErrorRecord::from(&error);
        assert_eq!((record.name, record.kind, record.retryable), ("TransportError", "tls", false), "{error:?}");
        assert!(record.message.contains("pass its certificate as `ca`"), "{error}");
    }
    assert_eq!(service.seen().len(), 0);
}

#[tokio::test]
async fn a_self_signed_certificate_may_be_its_own_authority() {
    let (ca, acceptor) = self_signed(IsCa::ExplicitNoCa);
    let (_service, url) = service(acceptor).await;
    let client = client_of(&ClientOptions { ca: Some(ca), ..ClientOptions::default() }, &url);
    client.get("sb-1", CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn an_authoritys_certificate_cannot_be_a_servers() {
    let (ca, acceptor) = self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    let (_service, url) = service(acceptor).await;
    let client = client_of(&ClientOptions { ca: Some(ca), ..ClientOptions::default() }, &url);
    let error = client.get("sb-1", CallOptions::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("give it one with CA:FALSE"), "{error}");
}

#[tokio::test]
async fn https_to_a_service_that_speaks_http_is_a_matter_of_tls() {
    let service = Service::start(vec![Reply::empty(204)]).await;
    let url = format!("https://{}", service.address);
    let error = client_of(&ClientOptions::default(), &url).get("sb-1", CallOptions::default()).await.unwrap_err();
    assert_eq!(ErrorRecord::from(&error).kind, "tls", "{error:?}");
}
