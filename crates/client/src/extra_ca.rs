use std::fs;

use rustls::RootCertStore;

use crate::tls;

/// Reads the file that `NODE_EXTRA_CA_CERTS` names; on failure, the whole warning. As in Node, a file that can't be used
/// does not keep anybody from connecting.
pub(crate) fn read(path: &str) -> Result<RootCertStore, String> {
    let ignored = |why: String| format!("NODE_EXTRA_CA_CERTS is ignored: {path:?} {why}");
    let pem = fs::read_to_string(path).map_err(|error| ignored(format!("can't be read: {error}")))?;
    tls::roots_of(&pem).map_err(ignored)
}
