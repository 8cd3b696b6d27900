use std::io::{self, Write};
use std::sync::Once;

use sandbar_client::Environment;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

static START: Once = Once::new();

/// Prints the events that `SANDBAR_LOG` asks for on stderr. The first environment with that variable decides for the
/// process.
pub(crate) fn start(environment: &Environment) {
    let Some(directives) = environment.log_filter() else { return };
    START.call_once(|| match directives.parse::<Targets>() {
        Ok(targets) => {
            // Libraries below may print what is secret: none of their events is let through.
            let own = filter_fn(|metadata| metadata.target().starts_with("sandbar"));
            // Plain also where another crate of the build brings colours.
            let lines = fmt::layer().with_ansi(false).with_writer(io::stderr).with_filter(own).with_filter(targets);
            // Fails only where something is installed already, and this is the only place that does.
            tracing_subscriber::registry().with(lines).try_init().ok();
        }
        Err(error) => {
            let line = "pass a level, as debug, or targets with levels, as sandbar=debug";
            writeln!(io::stderr(), "sandbar: SANDBAR_LOG is not understood ({error}): {line}").ok();
        }
    });
}
