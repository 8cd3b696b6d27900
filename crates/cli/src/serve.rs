use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use ipnet::IpNet;
use sandbar_client::LocalEngine;
use sandbar_engine::http::{PublicUrl, UrlConfig};
use sandbar_engine::{AdmissionLimits, Settings};
use sandbar_protocol::check_template_id;

use crate::exit::CliError;
use crate::local_engine::Announcement;
use crate::{api_key, host, signals};

/// Where the engine listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7410";

/// Options of `sandbar serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Folder for records, files and templates, made if it does not exist. Default: sandbar in XDG_DATA_HOME, that is
    /// ~/.local/share/sandbar.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The key that clients must send; one is made and printed if there is none. The variable keeps it out of `ps`.
    #[arg(long, value_name = "KEY", env = "SANDBAR_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// How long sandboxes go on if the engine is killed: one that starts on the same data folder within that time adopts
    /// them as they are, a later one starts them anew on their files. With 0 they die with it.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    outlive: u64,
    /// The most sandboxes that are not deleted, paused ones included; one more is refused with 429.
    #[arg(long, value_name = "N", default_value_t = AdmissionLimits::default().held, value_parser = at_least_one())]
    max_sandboxes: u64,
    /// The most sandboxes that are starting or running.
    #[arg(long, value_name = "N", default_value_t = AdmissionLimits::default().active, value_parser = at_least_one())]
    max_active: u64,
    /// The most creates and resumes per minute.
    #[arg(long, value_name = "N", default_value_t = AdmissionLimits::default().starts_per_minute,
        value_parser = at_least_one())]
    max_starts_per_minute: u64,
    /// The most connections of clients, and the most to sandboxes. Default: a quarter of the files that may be open, at most
    /// 10,000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,
    /// Where clients reach the engine, as https://sandboxes.example.com: URLs in answers start with it. Default: the host
    /// that each request names, over http.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Addresses or networks of reverse proxies, as 10.0.0.1,192.168.0.0/24: only their X-Forwarded-Proto,
    /// X-Forwarded-Host, X-Forwarded-Prefix and Forwarded count; can be given several times.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',', value_parser = network)]
    trusted_proxies: Vec<IpNet>,
    /// How many started, unclaimed runtimes to hold of a template, for creates that are quicker; can be given several
    /// times.
    #[arg(long, value_name = "TEMPLATE=N", default_value = "base=2", value_parser = warm)]
    warm: Vec<(String, usize)>,
    /// Whether to serve the dashboard, a page in the browser, at `/`.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    dashboard: Dashboard,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Dashboard {
    /// While other machines can't reach the engine.
    #[default]
    Auto,
    /// Always. Its data is behind the API key.
    On,
    /// Never.
    Off,
}

impl Dashboard {
    fn is_served(self, listen: SocketAddr) -> bool {
        match self {
            Self::Auto => listen.ip().is_loopback(),
            Self::On => true,
            Self::Off => false,
        }
    }
}

const MAX_WARM: usize = 1_000;

fn warm(text: &str) -> Result<(String, usize), String> {
    let example = "write it as base=2";
    let (template, count) = text.split_once('=').ok_or(example)?;
    check_template_id(&serde_json::Value::from(template)).map_err(|error| error.message)?;
    let count = count.parse().ok().filter(|count| *count <= MAX_WARM);
    let count = count.ok_or_else(|| format!("after `=` comes a number from 0 to {MAX_WARM}: {example}"))?;
    Ok((template.to_owned(), count))
}

/// An address is a network of its own.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from).ok();
    let network = address.or_else(|| text.parse().ok());
    network.ok_or_else(|| "it is neither an address nor a network: write it as 10.0.0.1 or 10.0.0.0/8".to_owned())
}

fn at_least_one() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

impl Args {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.limits = AdmissionLimits {
            held: self.max_sandboxes,
            active: self.max_active,
            starts_per_minute: self.max_starts_per_minute,
        };
        settings.max_connections = self.max_connections.and_then(|limit| usize::try_from(limit).ok());
        settings.urls =
            UrlConfig { public_url: self.public_url.clone(), trusted_proxies: self.trusted_proxies.clone() };
        settings.warm = self.warm.iter().cloned().collect();
        settings
    }
}

/// Runs the engine until a signal ends it.
pub(crate) async fn run(args: Args) -> Result<u8, CliError> {
    api_key::check(args.api_key.as_deref(), args.listen)?;
    let settings = args.settings();
    let data_dir = args.data_dir.or_else(LocalEngine::default_data_dir).ok_or_else(|| {
        CliError::Usage("neither XDG_DATA_HOME nor HOME is set: choose a folder with --data-dir".to_owned())
    })?;
    let generated = args.api_key.is_none();
    let key = args.api_key.unwrap_or_else(api_key::generate);
    let mut ended = Ended::listen()?;
    let dashboard = args.dashboard.is_served(args.listen);
    let outlive = Duration::from_secs(args.outlive);
    let engine = host::start(args.listen, &data_dir, &key, outlive, dashboard, settings).await?;
    // Commands of this machine can do without: they are told the address by their environment then.
    let found_by = Announcement::new(&data_dir, engine.address(), &key)
        .inspect_err(|error| tracing::warn!("commands can't find this engine by themselves: {error}"));
    let announced = announce(generated.then_some(key.as_str()), engine.address(), dashboard);
    if announced.is_ok() {
        ended.wait().await;
        tracing::info!("shutting down");
    }
    // While it shuts down, its port is anybody's already.
    drop(found_by);
    engine.shut_down().await;
    announced.map(|()| 0)
}

fn announce(key: Option<&str>, address: SocketAddr, dashboard: bool) -> Result<(), CliError> {
    let mut text = key.map(|key| format!("api key: {key}\n")).unwrap_or_default();
    if dashboard {
        text.push_str(&format!("{}\n", dashboard_line(address, key)));
    }
    text.push_str(&format!("listening on http://{address}\n"));
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|source| CliError::System { what: "can't write to standard output".to_owned(), source })
}

/// Where the dashboard is. The key is in the fragment, which browsers send to no server.
pub(crate) fn dashboard_line(address: SocketAddr, key: Option<&str>) -> String {
    let fragment = key.map(|key| format!("#key={key}")).unwrap_or_default();
    format!("dashboard: http://{address}/{fragment}")
}

/// SIGTERM, SIGINT, and SIGHUP unless it is ignored.
struct Ended {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Ended {
    fn listen() -> Result<Self, CliError> {
        let system = |source| CliError::System { what: "can't listen for signals".to_owned(), source };
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(system)?,
            interrupt: signal(SignalKind::interrupt()).map_err(system)?,
            hang_up: if signals::hang_up_is_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup()).map_err(system)?)
            },
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            Some(()) = async { self.hang_up.as_mut()?.recv().await } => {}
        }
    }
}
