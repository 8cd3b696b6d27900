//! What the proxy does with a request that no fault befalls, and with one that a fault befalls.

#![allow(clippy::unwrap_used)]

use sandbar_faults::{Fault, Plan, Proxy, nothing, once};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A proxy before a service that gives every connection one answer.
async fn start(plan: Plan) -> Proxy {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = service.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = service.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(ANSWER.as_bytes()).await;
        }
    });
    Proxy::start(upstream, plan).await.unwrap()
}

/// What comes back for a request, of which this length is expected.
async fn answer(proxy: &Proxy, length: usize) -> String {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn proxy_passes_the_answer_on_when_no_fault_is_planned() {
    let proxy = start(nothing()).await;
    assert_eq!(answer(&proxy, ANSWER.len()).await, ANSWER);
}

#[tokio::test]
async fn proxy_gives_the_planned_bytes_to_the_planned_request_alone() {
    let proxy = start(once(1, Fault::Bytes(b"nonsense".to_vec()))).await;
    assert_eq!(answer(&proxy, ANSWER.len()).await, ANSWER);
    assert_eq!(answer(&proxy, 8).await, "nonsense");
    assert_eq!(answer(&proxy, ANSWER.len()).await, ANSWER);
}
