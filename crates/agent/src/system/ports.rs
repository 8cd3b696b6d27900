use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::Json;
use serde::Serialize;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A port on which something listens.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Port {
    port: u16,
    protocol: &'static str,
    address: IpAddr,
    /// Absent where the process can't be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_name: Option<String>,
}

/// GET /ports
pub(super) async fn ports() -> Json<Vec<Port>> {
    let tables = [fs::read_to_string("/proc/net/tcp"), fs::read_to_string("/proc/net/tcp6")];
    let mut sockets = BTreeMap::<(u16, IpAddr), BTreeSet<u64>>::new();
    for (port, address, inode) in tables.iter().flatten().flat_map(|table| table.lines().filter_map(listening)) {
        sockets.entry((port, address)).or_default().insert(inode);
    }
    if sockets.is_empty() {
        return Json(Vec::new());
    }
    let owners = owners();
    let ports = sockets.into_iter().map(|((port, address), inodes)| {
        // A server that forked has its socket in several processes: the oldest one is it.
        let pid = inodes.iter().filter_map(|inode| owners.get(inode).copied()).min();
        let process_name = pid.and_then(name_of);
        Port { port, protocol: "tcp", address, pid, process_name }
    });
    Json(ports.collect())
}

/// Port, address and inode of a line, if it is of a socket that listens.
fn listening(line: &str) -> Option<(u16, IpAddr, u64)> {
    let mut fields = line.split_whitespace();
    let (local, state) = (fields.nth(1)?, fields.nth(1)?);
    if state != LISTENING {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some((u16::from_str_radix(port, 16).ok()?, parse_address(address)?, inode))
}

/// Words of four bytes, each in the order of this machine.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
    }
}

/// The process with the lowest number that has each socket open.
fn owners() -> HashMap<u64, u32> {
    let mut owners = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return owners };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for link in descriptors.flatten().filter_map(|descriptor| fs::read_link(descriptor.path()).ok()) {
            let socket = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = socket {
                let owner = owners.entry(inode).or_insert(pid);
                *owner = pid.min(*owner);
            }
        }
    }
    owners
}

fn name_of(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_are_ports() {
        let listens =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0";
        assert_eq!(listening(listens), Some((8080, Ipv4Addr::LOCALHOST.into(), 4242)));
        assert_eq!(listening(&listens.replace(" 0A ", " 01 ")), None);
        assert_eq!(listening("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"), None);
    }

    #[test]
    fn addresses_of_both_kinds_are_read() {
        assert_eq!(parse_address("00000000"), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(parse_address("00000000000000000000000001000000"), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(parse_address("0000000000000000FFFF00000100007F"), "::ffff:127.0.0.1".parse().ok());
        assert_eq!(parse_address("000"), None);
        assert_eq!(parse_address(""), None);
    }
}
