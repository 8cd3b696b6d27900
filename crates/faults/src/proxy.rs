use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::{Fault, Message, Plan};

const BACKLOG: u32 = 1024;

/// Stands between a client and an HTTP/1.1 service, on a port of its own, until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    upstream: Mutex<SocketAddr>,
    plan: Plan,
    requests: AtomicUsize,
    faults: AtomicUsize,
    healed: AtomicBool,
    breaks: Notify,
}

impl Proxy {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(upstream: SocketAddr, plan: Plan) -> io::Result<Self> {
        let listener = bound(([127, 0, 0, 1], 0).into())?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            upstream: Mutex::new(upstream),
            plan,
            requests: AtomicUsize::new(0),
            faults: AtomicUsize::new(0),
            healed: AtomicBool::new(false),
            breaks: Notify::new(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// How many of them a fault befell.
    pub fn faults(&self) -> usize {
        self.state.faults.load(Ordering::SeqCst)
    }

    /// Sends the requests of new connections elsewhere: a service that was started anew has another port.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self.state.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Breaks all connections, and from now on passes everything on.
    pub fn heal(&self) {
        self.state.healed.store(true, Ordering::SeqCst);
        self.state.breaks.notify_one();
    }

    /// Breaks all connections and refuses new ones until it is told to listen again. The port stays taken.
    ///
    /// # Errors
    /// If the port can't be held.
    pub async fn refuse(&mut self) -> io::Result<Refusing> {
        // Before the listener is closed: nobody else can take the port in between.
        let socket = bound(self.address)?;
        self.accepting.abort();
        // Awaited, so that the listener is closed.
        (&mut self.accepting).await.ok();
        Ok(Refusing(socket))
    }

    /// Ends the refusal.
    ///
    /// # Errors
    /// If the port can't be listened on.
    pub fn listen(&mut self, refusing: Refusing) -> io::Result<()> {
        self.accepting = tokio::spawn(accept(refusing.0.listen(BACKLOG)?, Arc::clone(&self.state)));
        Ok(())
    }
}

/// The port of a proxy that refuses.
pub struct Refusing(TcpSocket);

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A socket that has its port to itself, and to others of this kind that are bound to it later.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // They end with this set.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let connection = Connection { client: BufStream::new(stream), upstream: None, state: state.clone() };
                connections.spawn(connection.serve());
            }
            Some(_) = connections.join_next() => {}
            () = state.breaks.notified() => connections.abort_all(),
        }
    }
}

/// A client's connection, and its own one to upstream.
struct Connection {
    client: BufStream<TcpStream>,
    upstream: Option<BufStream<TcpStream>>,
    state: Arc<State>,
}

impl Connection {
    async fn serve(mut self) {
        let ended = self.exchanges().await;
        // What upstream breaks is broken for the client as well.
        if ended.is_err() {
            self.reset();
        }
    }

    async fn exchanges(&mut self) -> io::Result<()> {
        self.client.get_ref().set_nodelay(true)?;
        while let Some(request) = Message::read(&mut self.client).await? {
            let number = self.state.requests.fetch_add(1, Ordering::SeqCst);
            let healed = self.state.healed.load(Ordering::SeqCst);
            let fault = if healed { None } else { (self.state.plan)(&request, number) };
            self.state.faults.fetch_add(usize::from(fault.is_some()), Ordering::SeqCst);
            let answer = match &fault {
                Some(fault) if !fault.reaches_upstream() => None,
                _ => self.forward(&request).await?,
            };
            let goes_on = match fault {
                Some(fault) => self.break_with(fault, answer).await?,
                None => self.answer(answer).await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Upstream's answer; `None` if the client went away meanwhile.
    async fn forward(&mut self, request: &Message) -> io::Result<Option<Message>> {
        if self.upstream.is_none() {
            let address = *self.state.upstream.lock().unwrap_or_else(PoisonError::into_inner);
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            self.upstream = Some(BufStream::new(stream));
        }
        let Some(upstream) = &mut self.upstream else { return Ok(None) };
        send(upstream, &request.to_bytes()).await?;
        tokio::select! {
            answer = Message::read(upstream) => match answer? {
                Some(answer) => Ok(Some(answer)),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
            () = gone(&mut self.client) => Ok(None),
        }
    }

    /// Sends an answer; gives back whether the connection goes on.
    async fn answer(&mut self, answer: Option<Message>) -> io::Result<bool> {
        let Some(answer) = answer else { return Ok(false) };
        send(&mut self.client, &answer.to_bytes()).await?;
        Ok(true)
    }

    async fn break_with(&mut self, fault: Fault, answer: Option<Message>) -> io::Result<bool> {
        let cut = |at_head: bool| {
            let answer = answer.as_ref()?;
            let length = if at_head { answer.head.len() / 2 } else { answer.head.len() + answer.body.len() / 2 };
            Some(answer.to_bytes()[..length].to_vec())
        };
        let has_body = answer.as_ref().is_some_and(|answer| !answer.body.is_empty());
        match fault {
            Fault::Hang => gone(&mut self.client).await,
            Fault::Close => {}
            Fault::Reset | Fault::ResetAfter => self.reset(),
            Fault::ResetInBody | Fault::Truncate if !has_body => return self.answer(answer).await,
            Fault::ResetInHead | Fault::ResetInBody => {
                send(&mut self.client, &cut(matches!(fault, Fault::ResetInHead)).unwrap_or_default()).await?;
                self.reset();
            }
            Fault::Truncate => send(&mut self.client, &cut(false).unwrap_or_default()).await?,
            Fault::CloseAfter => {
                self.answer(answer).await?;
            }
            Fault::Slow { piece, pause } => {
                for bytes in answer.map(|answer| answer.to_bytes()).unwrap_or_default().chunks(piece) {
                    send(&mut self.client, bytes).await?;
                    sleep(pause).await;
                }
                return Ok(true);
            }
            Fault::Bytes(bytes) => send(&mut self.client, &bytes).await?,
            Fault::Answer(answer) => return self.answer(Some(answer)).await,
            Fault::Endless { status } => {
                send(&mut self.client, format!("HTTP/1.1 {status} Endless\r\n\r\n").as_bytes()).await?;
                loop {
                    send(&mut self.client, &[b' '; 64 * 1024]).await?;
                }
            }
            Fault::Rewrite(rewrite) => return self.answer(answer.map(rewrite)).await,
            Fault::RewriteBody(_) if !has_body => return self.answer(answer).await,
            Fault::RewriteBody(rewrite) => {
                let changed = answer.map(|answer| {
                    let body = rewrite(&String::from_utf8_lossy(&answer.body)).into_bytes();
                    answer.with_body(body)
                });
                return self.answer(changed).await;
            }
        }
        Ok(false)
    }

    /// Makes the client's connection end with a reset when it is dropped.
    fn reset(&self) {
        self.client.get_ref().set_zero_linger().ok();
    }
}

async fn send(stream: &mut BufStream<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Returns once the other side has closed.
async fn gone(stream: &mut BufStream<TcpStream>) {
    // Bytes before the answer would be a second request, which no client of this proxy sends.
    if stream.fill_buf().await.is_ok_and(|bytes| !bytes.is_empty()) {
        sleep(Duration::MAX).await;
    }
}
