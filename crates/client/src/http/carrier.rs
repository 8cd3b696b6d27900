use hyper::Request;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, capture_connection};

/// The connection that a request goes on, once it is known.
#[derive(Clone, Debug)]
pub(crate) struct Carrier(CaptureConnection);

impl Carrier {
    /// The connection of a request that is to be sent; the same one if it is asked for twice.
    pub(crate) fn of<B>(request: &mut Request<B>) -> Self {
        if let Some(known) = request.extensions().get::<Self>() {
            return known.clone();
        }
        let carrier = Self(capture_connection(request));
        request.extensions_mut().insert(carrier.clone());
        carrier
    }

    /// No other request goes on it: it may be dead, and others would wait for it in vain. Those that are on it stay.
    pub(crate) fn retire(&self) {
        if let Some(connection) = self.0.connection_metadata().as_ref() {
            Connected::poison(connection);
        }
    }
}
