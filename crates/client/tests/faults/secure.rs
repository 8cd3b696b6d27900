//! A service behind TLS whose connections go wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::{TcpListener, TcpStream};
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

/// Its address, and whether it is well by now.
pub(crate) struct Secure {
    pub(crate) address: SocketAddr,
    pub(crate) healed: Arc<AtomicBool>,
}

impl Secure {
    /// Listens until the runtime ends.
    pub(crate) async fn listen(service: Arc<Service>, wrong: Wrong, often: Often) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = Self { address: listener.local_addr().unwrap(), healed: Arc::default() };
        let healed = Arc::clone(&secure.healed);
        let good = acceptor(Certificate::Good);
        let bad = match wrong {
            Wrong::Shown(certificate) => acceptor(certificate),
            Wrong::Ends(_) => good.clone(),
        };
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let is_good = (often == Often::Once && number > 0) || healed.load(Ordering::SeqCst);
                let tls = if is_good { good.clone() } else { bad.clone() };
                let service = Arc::clone(&service);
                let ending = match wrong {
                    Wrong::Ends(ending) if !is_good => Some(ending),
                    _ => None,
                };
                tokio::spawn(serve(stream, tls, ending, service));
            }
        });
        secure
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, ending: Option<Ending>, service: Arc<Service>) {
    // A client that does not trust the certificate ends the handshake: nothing to report.
    let Ok(stream) = tls.accept(stream).await else { return };
    match ending {
        Some(ending) => drop(goaway::serve(stream, ending).await),
        None => service.serve(stream).await,
    }
}
