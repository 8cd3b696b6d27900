//! Transports by endpoint, shared by all clients of the process: one pool of connections each.

use std::sync::{Arc, Mutex, PoisonError};

use crate::Endpoint;
use crate::transport::Transport;

/// More endpoints than this at once are unusual; past it, those that no client uses any more are let go.
const KEPT: usize = 32;

static TRANSPORTS: Mutex<Vec<Arc<Transport>>> = Mutex::new(Vec::new());

/// The transport of an endpoint.
pub(crate) fn transport_to(endpoint: Endpoint) -> Arc<Transport> {
    let mut transports = TRANSPORTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = transports.iter().find(|transport| *transport.endpoint() == endpoint) {
        return Arc::clone(known);
    }
    if transports.len() >= KEPT {
        transports.retain(|transport| Arc::strong_count(transport) > 1);
    }
    let transport = Arc::new(Transport::new(endpoint));
    transports.push(Arc::clone(&transport));
    transport
}
