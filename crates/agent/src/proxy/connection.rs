use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::port::Port;
use crate::problem::Problem;

/// How long a program may take to accept a connection; its answers may take as long as they like.
const ACCEPT_WAIT: Duration = Duration::from_secs(15);

/// A connection of its own to a program: it ends with the request, so that the program sees a client that goes away.
pub(super) struct Program {
    port: Port,
    sender: SendRequest<Body>,
    connection: Held,
}

/// What keeps a connection open: dropping it closes the connection, unless its protocol has changed.
pub(super) type Held = AbortOnDropHandle<()>;

impl Program {
    pub(super) async fn connect(port: Port) -> Result<Self, Problem> {
        let stream = match timeout(ACCEPT_WAIT, dial(port.number())).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                let message = format!("nothing listens on port {port} in this sandbox: start a server there first");
                return Err(Problem::unavailable(message));
            }
            Ok(Err(error)) => return Err(port.unavailable(&format!("it can't be connected to: {error}"))),
            Err(_) => return Err(port.unavailable("the program on it accepts no connection: it may be too busy")),
        };
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_http(port, &error))?;
        // Its errors are those of the request.
        let connection = tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(Self { port, sender, connection: AbortOnDropHandle::new(connection) })
    }

    pub(super) async fn send(mut self, request: Request) -> Result<(Response<Incoming>, Held), Problem> {
        let response = self.sender.send_request(request).await.map_err(|error| no_http(self.port, &error))?;
        Ok((response, self.connection))
    }
}

fn no_http(port: Port, error: &hyper::Error) -> Problem {
    port.unavailable(&format!("the program on it did not answer as HTTP servers do: {error}"))
}

async fn dial(port: u16) -> io::Result<TcpStream> {
    match dial_at(Ipv4Addr::LOCALHOST.into(), port).await {
        // Some programs listen on `localhost`, which may be this one alone.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => dial_at(Ipv6Addr::LOCALHOST.into(), port).await,
        dialled => dialled,
    }
}

async fn dial_at(address: IpAddr, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::new(address, port)).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        // Where nothing listens, a connection may by chance come from the very port that it goes to.
        return Err(ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}
