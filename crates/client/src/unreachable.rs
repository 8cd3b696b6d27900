//! Why no answer came, read out of an error's chain of causes.

use std::error::Error;
use std::io;

use h2::Reason;

use crate::TransportKind;
use crate::http::ConnectTimeout;

/// Sorts a failed request by its causes.
pub(crate) fn kind_of(error: &(dyn Error + 'static), through_proxy: bool) -> TransportKind {
    let is_connect = error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect());
    if is_connect && chain(error).any(|cause| cause.to_string().contains("tunnel error")) {
        return TransportKind::Proxy;
    }
    if chain(error).any(|cause| cause.is::<rustls::Error>()) {
        return TransportKind::Tls;
    }
    if through_proxy && is_connect {
        return TransportKind::Proxy;
    }
    if is_connect && chain(error).any(|cause| cause.to_string().contains("dns error")) {
        return TransportKind::Dns;
    }
    if is_connect {
        let refused = chain(error).any(|cause| io_kind(cause) == Some(io::ErrorKind::ConnectionRefused));
        return match (refused, chain(error).any(|cause| cause.is::<ConnectTimeout>())) {
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
        if is_not_taken(error) {
            return Some(TransportKind::NotTaken);
        }
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

/// By RFC 9113, section 8.7, such a request may be sent again, whatever it does.
fn is_not_taken(error: &h2::Error) -> bool {
    let is_going = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (is_going || is_refused)
}

/// What the error and its causes say, the deepest last.
pub(crate) fn causes_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut causes: Vec<String> = chain(error).map(ToString::to_string).collect();
    causes.dedup();
    causes
}

/// The error and its causes. An I/O error passes over the error it holds, so that one is looked up.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'a (dyn Error + 'static) = *cause;
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}
