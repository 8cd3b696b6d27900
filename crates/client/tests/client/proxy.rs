//! Which way requests go: through which proxy, and past it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sandbar_client::{CallOptions, Client, ClientError, ClientOptions, Config, Environment, ErrorRecord};
use sandbar_protocol::{Envd, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::service::{KEY, Reply, Service};
use crate::tls::authority;

/// A proxy that connects every CONNECT to one address, or refuses it.
struct Tunnel {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    async fn start(target: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, target, Arc::clone(&kept)));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, target: Option<SocketAddr>, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    let Some(target) = target else {
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    };
    let mut service = TcpStream::connect(target).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    copy_bidirectional(&mut stream, &mut service).await.ok();
}

fn config(mut options: Value, environment: &[(&str, &str)]) -> Result<Config, ClientError> {
    options["apiKey"] = json!(KEY);
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::new(&ClientOptions::from_json(&options)?, &variables.collect::<Environment>())
}

/// The proxy that is chosen for a service by the environment alone.
fn chosen(base_url: &str, environment: &[(&str, &str)]) -> Option<String> {
    let endpoint = config(json!({"baseUrl": base_url}), environment).unwrap().endpoint;
    endpoint.proxy().map(|proxy| proxy.expose().to_owned())
}

fn sandbox() -> Reply {
    Reply::json(200, &json!({"sandboxID": "sb-1", "state": "running"}))
}

#[tokio::test]
async fn https_goes_through_a_tunnel_that_learns_its_password_and_nothing_else() {
    let (ca, acceptor) = authority(&["h2"]);
    let service = Service::start_tls(vec![sandbox()], acceptor).await;
    let tunnel = Tunnel::start(Some(service.address)).await;
    let proxy = format!("http://user:hush-hush@{}", tunnel.address);
    let options = json!({"baseUrl": "https://far.invalid", "ca": ca});
    let client = Client::new(config(options, &[("HTTPS_PROXY", &proxy)]).unwrap());
    client.get("sb-1", CallOptions::default()).await.unwrap();
    client.get("sb-1", CallOptions::default()).await.unwrap();
    let heads = tunnel.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("CONNECT far.invalid:443 HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[0].contains("dXNlcjpodXNoLWh1c2g="), "{heads:?}");
    assert!(!heads[0].contains(KEY), "{heads:?}");
    assert!(service.seen().iter().all(|seen| seen.headers.get("proxy-authorization").is_none()));
}

#[tokio::test]
async fn a_tunnel_that_refuses_is_told_without_its_password() {
    let tunnel = Tunnel::start(None).await;
    let proxy = format!("http://user:hush-hush@{}", tunnel.address);
    let config = config(json!({"baseUrl": "https://far.invalid"}), &[("https_proxy", &proxy)]).unwrap();
    let error = Client::new(config.clone()).get("sb-1", CallOptions::default()).await.unwrap_err();
    let record = ErrorRecord::from(&error);
    assert_eq!((record.name, record.kind), ("TransportError", "proxy"));
    let printed = format!("{config:?}{error:?}{error}{}", record.to_json());
    assert!(!printed.contains("hush") && !printed.contains("dXNlcjpodXNo"), "{printed}");
}

fn at(envd_url: &str) -> Option<Envd> {
    Some(Envd { envd_url: Some(envd_url.to_owned()), envd_access_token: Some(Secret::new("tok")) })
}

/// The kind of failure, or nothing, of a call to a runtime there, by a client with this configuration.
async fn outcome(config: Config, envd_url: &str) -> Option<&'static str> {
    let runtime = Client::new(config).runtime("sb-1", at(envd_url)).unwrap();
    let outcome = runtime.ports(&CallOptions::once()).await;
    outcome.err().map(|error| ErrorRecord::from(&error).kind)
}

#[tokio::test]
async fn proxy_is_chosen_by_the_host_that_a_request_goes_to() {
    // As a proxy that forwards requests, it is asked for whole URLs.
    let proxy = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let here = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let variables = [("HTTP_PROXY", proxy.url())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let of_far = || config(json!({"baseUrl": "http://far.invalid"}), &variables).unwrap();
    let of_here = || config(json!({"baseUrl": here.url()}), &variables).unwrap();

    assert_eq!(outcome(of_far(), &format!("{}/e", here.url())).await, None);
    assert_eq!(here.only().line(), "GET /e/ports");
    assert!(proxy.seen().is_empty());

    assert_eq!(outcome(of_here(), "http://far.invalid/e").await, None);
    assert_eq!(proxy.only().line(), "GET http://far.invalid/e/ports");
    assert_eq!(here.seen().len(), 1);

    let listed = [variables[0], ("NO_PROXY", "near.invalid")];
    let of_listed = || config(json!({"baseUrl": "http://near.invalid"}), &listed).unwrap();
    assert_eq!(outcome(of_listed(), "http://far.invalid/e").await, None);
    assert_eq!(proxy.seen().len(), 2);
    assert_eq!(outcome(of_listed(), "http://near.invalid/e").await, Some("dns"));
    assert_eq!(proxy.seen().len(), 2);
}

#[tokio::test]
async fn variable_that_is_no_proxy_is_an_error_once_it_counts() {
    let broken = [("HTTP_PROXY", "ftp://user:hush@p")];
    let config = config(json!({"baseUrl": "http://127.0.0.1:1"}), &broken).unwrap();
    let runtime = Client::new(config).runtime("sb-1", at("http://far.invalid/e")).unwrap();
    let error = runtime.ports(&CallOptions::once()).await.unwrap_err();
    assert!(error.to_string().contains("HTTP_PROXY is not a proxy's URL"), "{error}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn token_that_came_over_tls_is_not_sent_without_it() {
    let proxy = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let here = Service::start(vec![Reply::json(200, &json!([]))]).await;
    let config = || config(json!({"baseUrl": "https://far.invalid", "proxy": proxy.url()}), &[]).unwrap();
    assert_eq!(outcome(config(), "http://far.invalid/e").await, Some("insecure"));
    assert!(proxy.seen().is_empty());
    // Nobody listens on the way within this machine.
    assert_eq!(outcome(config(), &format!("{}/e", here.url())).await, None);
}

#[test]
fn each_scheme_has_its_variable_and_lower_case_wins() {
    let all = [("ALL_PROXY", "socks5://all:1080"), ("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://h:1")];
    assert_eq!(chosen("https://far.example", &all).as_deref(), Some("http://s:1"));
    assert_eq!(chosen("http://far.example", &all).as_deref(), Some("http://h:1"));
    assert_eq!(chosen("https://far.example", &all[..1]).as_deref(), Some("socks5://all:1080"));
    assert_eq!(chosen("https://far.example", &all[2..]), None);
    let both = [("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "http://lower:1"), ("all_proxy", "http://all:1")];
    assert_eq!(chosen("https://far.example", &both).as_deref(), Some("http://lower:1"));
    assert_eq!(chosen("https://far.example", &[both[0], ("https_proxy", "")]).as_deref(), Some("http://upper:1"));
    assert_eq!(
        chosen("https://far.example", &[("HTTPS_PROXY", "p.example:3128")]).as_deref(),
        Some("http://p.example:3128")
    );
}

#[test]
fn no_proxy_stands_before_this_machine_or_those_that_the_list_names() {
    let proxy = ("ALL_PROXY", "http://p:1");
    for here in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://a.localhost"] {
        assert_eq!(chosen(here, &[proxy]), None, "{here}");
    }
    assert_eq!(chosen("https://a.example", &[proxy, ("NO_PROXY", "b.example, .example")]), None);
    assert_eq!(chosen("https://a.example", &[proxy, ("NO_PROXY", "b.example")]).as_deref(), Some("http://p:1"));
    assert_eq!(
        chosen("https://a.example", &[proxy, ("NO_PROXY", "*"), ("no_proxy", "b")]).as_deref(),
        Some("http://p:1")
    );
    assert_eq!(chosen("https://10.2.3.4", &[proxy, ("no_proxy", "10.0.0.0/8")]), None);
}

#[test]
fn the_option_wins_over_every_variable() {
    let options = json!({"baseUrl": "https://a.example", "proxy": "http://own:1"});
    let endpoint = config(options, &[("HTTPS_PROXY", "http://s:1"), ("NO_PROXY", "*")]).unwrap().endpoint;
    assert_eq!(endpoint.proxy().unwrap().expose(), "http://own:1");
}

#[test]
fn a_variable_that_is_no_proxy_is_named_where_it_would_count() {
    let broken = [("HTTPS_PROXY", "ftp://user:hush@p")];
    let error = config(json!({"baseUrl": "https://a.example"}), &broken).unwrap_err();
    assert!(error.to_string().starts_with("HTTPS_PROXY is not a proxy's URL: pass one with http"), "{error}");
    assert!(!format!("{error:?}").contains("hush"));
    assert_eq!(chosen("http://127.0.0.1:1", &broken), None);
    assert_eq!(chosen("http://a.example", &broken), None);
}

#[test]
fn what_a_visitor_of_a_cgi_program_sends_is_no_proxy() {
    let visited = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil:1")];
    assert_eq!(chosen("http://a.example", &visited), None);
    assert_eq!(chosen("http://a.example", &[visited[0], ("http_proxy", "http://p:1")]).as_deref(), Some("http://p:1"));
}
