use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::finding::Finding;
use super::system::System;
use super::{health, holder};

const CHECK: &str = "port";

/// Whether an engine could listen there.
pub(super) async fn finding(system: &System, address: SocketAddr) -> Finding {
    let Err(error) = TcpListener::bind(address) else {
        return Finding::ok(CHECK, format!("{address} is free"));
    };
    match error.kind() {
        ErrorKind::AddrInUse => taken(system, address).await,
        ErrorKind::PermissionDenied => {
            let message = format!("only root may listen on port {}", address.port());
            Finding::problem(CHECK, message, elsewhere(address))
        }
        ErrorKind::AddrNotAvailable => {
            let message = format!("{} is no address of this machine", address.ip());
            Finding::problem(CHECK, message, "sandbar serve --listen 127.0.0.1:7410")
        }
        _ => Finding::problem(CHECK, format!("can't listen on {address}: {error}"), elsewhere(address)),
    }
}

async fn taken(system: &System, address: SocketAddr) -> Finding {
    let holder = holder::of_port(system, address);
    let by = holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default();
    if let Some(health) = health::of(&format!("http://{address}")).await {
        return Finding::ok(CHECK, format!("{address} is taken{by}: an engine of version {}", health.version));
    }
    let who = match &holder {
        Some(holder) => format!("ps -fp {}", holder.pid),
        None => system.as_root(&format!("ss -ltnp 'sport = :{}'", address.port())),
    };
    let fix = format!("{}\n{who}  # what has it", elsewhere(address));
    Finding::problem(CHECK, format!("{address} is taken{by}"), fix)
}

fn elsewhere(address: SocketAddr) -> String {
    format!("sandbar serve --listen {}", SocketAddr::new(address.ip(), 0))
}
