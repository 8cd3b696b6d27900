//! A service behind TLS whose connections go wrong.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Certificate, acceptor};
use crate::goaway::{self, Ending};
use crate::service::Service;

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrong {
    Shown(Certificate),
    Ends(Ending),
}

/// Which connections are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Often {
    Once,
    Always,
}

/// Listens until the runtime ends.
pub(crate) async fn listen(service: Arc<Service>, wrong: Wrong, often: Often) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let good = acceptor(Certificate::Good);
    let bad = match wrong {
        Wrong::Shown(certificate) => acceptor(certificate),
        Wrong::Ends(_) => good.clone(),
    };
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let is_good = often == Often::Once && number > 0;
            let tls: TlsAcceptor = if is_good { good.clone() } else { bad.clone() };
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake: nothing to report.
                let Ok(stream) = tls.accept(stream).await else { return };
                match wrong {
                    Wrong::Ends(ending) if !is_good => drop(goaway::serve(stream, ending).await),
                    _ => service.serve(stream).await,
                }
            });
        }
    });
    address
}
