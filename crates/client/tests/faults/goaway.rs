//! HTTP/2 frames by hand: a server that ends the connection as soon as a request comes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PREFACE: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const REFUSED_STREAM: u32 = 7;

/// What a server sends in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// RST_STREAM with REFUSED_STREAM.
    RefusedStream,
    /// GOAWAY that leaves the request out.
    NotProcessed,
    /// GOAWAY that counts the request among those that were looked at.
    MaybeProcessed,
}

/// Takes one request in and ends the connection.
pub(crate) async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, ending: Ending) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let request = loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        match (head[3], head[4] & ACK) {
            (HEADERS, _) => break u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            (SETTINGS, 0) => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            _ => {}
        }
    };
    let goaway = |last: u32| frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
    let bytes = match ending {
        Ending::RefusedStream => frame(RST_STREAM, 0, request, &REFUSED_STREAM.to_be_bytes()),
        Ending::NotProcessed => goaway(0),
        Ending::MaybeProcessed => goaway(request),
    };
    stream.write_all(&bytes).await?;
    stream.shutdown().await?;
    // Closed with bytes unread, it would be reset, and what was written lost.
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
