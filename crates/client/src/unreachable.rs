//! Why no answer came, read out of an error's chain of causes.

use std::error::Error;
use std::io;

use crate::TransportKind;

/// Sorts a failed request by its causes.
pub(crate) fn kind_of(error: &reqwest::Error, through_proxy: bool) -> TransportKind {
    if error.is_connect() && chain(error).any(|cause| cause.to_string().contains("tunnel error")) {
        return TransportKind::Proxy;
    }
    if chain(error).any(|cause| cause.is::<rustls::Error>()) {
        return TransportKind::Tls;
    }
    if through_proxy && error.is_connect() {
        return TransportKind::Proxy;
    }
    if error.is_dns() {
        return TransportKind::Dns;
    }
    if error.is_connect() {
        let refused = chain(error).any(|cause| io_kind(cause) == Some(io::ErrorKind::ConnectionRefused));
        return match (refused, error.is_timeout()) {
            (true, _) => TransportKind::Refused,
            (false, true) => TransportKind::ConnectTimeout,
            (false, false) => TransportKind::Unreachable,
        };
    }
    chain(error).find_map(kind_of_cause).unwrap_or(TransportKind::Other)
}

fn io_kind(cause: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    cause.downcast_ref::<io::Error>().map(io::Error::kind)
}

fn kind_of_cause(cause: &(dyn Error + 'static)) -> Option<TransportKind> {
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        return Some(if error.is_io() || error.is_go_away() || error.is_reset() {
            TransportKind::Reset
        } else {
            TransportKind::Protocol
        });
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            return Some(TransportKind::Reset);
        }
        return error.is_parse().then_some(TransportKind::Protocol);
    }
    match io_kind(cause)? {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::TimedOut => Some(TransportKind::Reset),
        _ => None,
    }
}

/// What the causes say, the deepest last. The first of them names the URL, so it is left out.
pub(crate) fn causes_of(error: &reqwest::Error) -> Vec<String> {
    let mut causes: Vec<String> = chain(error).skip(1).map(ToString::to_string).collect();
    causes.dedup();
    causes
}

/// The error and its causes. An I/O error passes over the error it holds, so that one is looked up.
fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |cause| {
        let cause: &'a (dyn Error + 'static) = *cause;
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}
