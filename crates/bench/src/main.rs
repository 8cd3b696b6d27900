//! A server of fixed answers: as fast as a server can be, so that what is measured against it is the client.

mod answers;
mod routes;
mod tls;

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::answers::Answers;

/// Answers the sandbox API from memory, with no sandbox behind it; below /e2b and /daytona as the services of those npm
/// packages do.
#[derive(Parser)]
#[command(name = "fixed-answers", version)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long each answer is held back.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Speak TLS, and write the certificate authority to trust to this file, as PEM.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Offer no HTTP/2.
    #[arg(long)]
    http1: bool,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen).await?;
    let address = listener.local_addr()?;
    let tls = args.tls_ca.as_deref().map(|file| tls::acceptor(file, !args.http1)).transpose()?;
    let origin = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let server = Arc::new(Server {
        answers: Answers::new(&origin),
        latency: Duration::from_millis(args.latency_ms),
        http1: args.http1,
    });
    let mut out = std::io::stdout();
    writeln!(out, "listening on {origin}")?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                Some(tls) => server.serve_tls(tls, stream).await,
                None => server.serve(stream).await,
            }
        });
    }
}

struct Server {
    answers: Answers,
    latency: Duration,
    http1: bool,
}

impl Server {
    async fn serve_tls(self: Arc<Self>, tls: TlsAcceptor, stream: TcpStream) {
        // A client that went away, or does not trust the authority, is its own report.
        if let Ok(stream) = tls.accept(stream).await {
            self.serve(stream).await;
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(self: Arc<Self>, stream: S) {
        let mut connection = Builder::new(TokioExecutor::new());
        if self.http1 {
            connection = connection.http1_only();
        }
        let service = service_fn(move |request| self.clone().answer(request));
        // As above: an end of the connection is no failure of the server.
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let answer = routes::answer(&self.answers, request).await;
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        Ok(answer)
    }
}
