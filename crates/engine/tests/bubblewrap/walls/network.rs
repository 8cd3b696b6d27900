//! What can be reached.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use nix::libc;
use serde_json::json;

use crate::support::Host;

#[tokio::test]
async fn there_is_no_network_but_a_loopback_of_its_own() {
    let host = Host::new();
    let sandbox = host.running().await;
    assert_eq!(sandbox.says("tail -n +3 /proc/net/dev | cut -d: -f1").await.trim(), "lo");
    assert_eq!(sandbox.says("tail -n +2 /proc/net/route").await, "");
    if sandbox.has("bash").await {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = |host: &str, port| format!("bash -c 'echo > /dev/tcp/{host}/{port}'");
        sandbox.is_refused(&connect("127.0.0.1", port), "Connection refused").await;
        sandbox.is_refused(&connect("192.0.2.1", 80), "unreachable").await;
    }
    if sandbox.has("perl").await {
        // Names of this kind belong to the network namespace, not to the file system.
        let name = sandbox.id.clone();
        let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let script = format!(
            "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un(qq(\\0{name}))) or die $!"
        );
        let answer = sandbox.execute(json!({ "cmd": "perl", "args": ["-e", script] })).await;
        assert!(answer.stderr.starts_with("Connection refused"), "{answer:?}");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn sockets_are_of_the_kinds_that_programs_need() {
    let host = Host::new();
    let sandbox = host.running().await;
    let socket = |family: i32, kind: i32, protocol: i32| format!("{}, {family}, {kind}, {protocol}", libc::SYS_socket);
    let strange = [
        // The machine that the host runs on, and what runs beside it: no network namespace holds this.
        socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        socket(libc::AF_XDP, libc::SOCK_RAW, 0),
        socket(libc::AF_KEY, libc::SOCK_RAW, 2),
        socket(libc::AF_TIPC, libc::SOCK_STREAM, 0),
        socket(libc::AF_RDS, libc::SOCK_SEQPACKET, 0),
        socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1),
        socket(libc::AF_CAN, libc::SOCK_RAW, 1),
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER),
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT),
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC),
        socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW),
        socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        socket(libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        format!("{}, {}, {}, 0, $text", libc::SYS_socketpair, libc::AF_TIPC, libc::SOCK_STREAM),
    ];
    let usual = [
        socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
        socket(libc::AF_INET, libc::SOCK_STREAM, 0),
        socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP),
        socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
    ];
    if let Some(errnos) = sandbox.errnos(&strange.each_ref().map(String::as_str)).await {
        assert_eq!(errnos, [libc::EPERM; 18]);
        let errnos = sandbox.errnos(&usual.each_ref().map(String::as_str)).await;
        assert_eq!(errnos, Some(vec![0; 5]));
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn the_network_can_not_be_changed() {
    let host = Host::new();
    let sandbox = host.running().await;
    if sandbox.has("ip").await {
        sandbox.is_refused("ip link add strange type dummy", "Operation not permitted").await;
        sandbox.is_refused("ip addr add 10.0.0.1/8 dev lo", "Operation not permitted").await;
        sandbox.is_refused("ip link set lo down", "Operation not permitted").await;
    }
    sandbox.is_refused("echo 1 > /proc/sys/net/ipv4/conf/all/forwarding", "Read-only file system").await;
    sandbox.destroy().await.unwrap();
}
