use std::time::Duration;

use sandbar_client::{CallOptions, MetricsBatchQuery};
use sandbar_protocol::MetricSnapshot;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::Session;
use crate::exit::CliError;
use crate::table::{Cell, Table};

/// Options of `sandbar metrics`.
#[derive(clap::Args)]
#[command(after_help = "\
CPU is in percent of one CPU; DISK and NET are bytes per second, read/written and received/sent. A dash is what the
server does not know.

Examples:
  sandbar metrics
  sandbar metrics sb-1a2b3c --watch
  sandbar metrics sb-1a2b3c --json | jq .memoryUsagePercent")]
pub(crate) struct Args {
    /// The sandbox's ID [default: all, at most 100]
    #[arg(value_name = "ID")]
    sandbox_id: Option<String>,
    /// Go on with a line every few seconds until Ctrl-C
    #[arg(short, long, requires = "sandbox_id")]
    watch: bool,
    /// With --watch, how long between two lines, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch",
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    interval: u64,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    match &args.sandbox_id {
        Some(id) if args.watch => watch(id, Duration::from_secs(args.interval), session).await,
        Some(id) => {
            let answer = session.client.metrics(id, CallOptions::default()).await?;
            show(&answer.text, &[answer.value], session)
        }
        None => {
            let answer = session.client.metrics_batch(&MetricsBatchQuery::default(), CallOptions::default()).await?;
            if answer.value.items.is_empty() && !session.output.json {
                session.output.note("no sandboxes: `sandbar create` makes one");
                return Ok(0);
            }
            show(&answer.text, &answer.value.items, session)
        }
    }
}

fn show(text: &str, snapshots: &[MetricSnapshot], session: &Session<'_>) -> Result<u8, CliError> {
    if session.output.json {
        session.output.value(&raw(text))?;
        return Ok(0);
    }
    let mut table = Table::new(&["ID", "CPU", "MEMORY", "FREE", "DISK r/w", "NET in/out", "TASKS"]);
    for snapshot in snapshots {
        let mut row = vec![Cell::new(&snapshot.sandbox_id)];
        row.extend(cells(snapshot));
        table.row(row);
    }
    session.output.line(&table.render(session.output))?;
    for MetricSnapshot { sandbox_id, error, .. } in snapshots {
        if let Some(error) = error {
            session.output.note(&format!("{sandbox_id}: {error}"));
        }
    }
    Ok(0)
}

/// A line each time. Widths are fixed, as later lines are not known yet.
async fn watch(sandbox_id: &str, pause: Duration, session: &Session<'_>) -> Result<u8, CliError> {
    let output = session.output;
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if !output.json && !output.quiet {
        output.line(&line(["TIME", "CPU", "MEMORY", "FREE", "DISK r/w", "NET in/out", "TASKS"].map(str::to_owned)))?;
    }
    loop {
        ticks.tick().await;
        let answer = session.client.metrics(sandbox_id, CallOptions::default()).await?;
        if output.json {
            output.value_line(&raw(&answer.text))?;
            continue;
        }
        let time = answer.value.collected_at.map(|time| time.strftime("%H:%M:%S").to_string());
        let [cpu, memory, free, disk, net, tasks] = texts(&answer.value);
        let time = time.unwrap_or_else(|| crate::table::NOTHING.to_owned());
        output.line(&line([time, cpu, memory, free, disk, net, tasks]))?;
    }
}

fn line([time, cpu, memory, free, disk, net, tasks]: [String; 7]) -> String {
    format!("{time:<8}  {cpu:>6}  {memory:>6}  {free:>8}  {disk:>15}  {net:>15}  {tasks:>5}")
}

fn cells(snapshot: &MetricSnapshot) -> impl Iterator<Item = Cell> {
    texts(snapshot).into_iter().map(|text| Cell::new(text).right())
}

fn texts(snapshot: &MetricSnapshot) -> [String; 6] {
    let nothing = || crate::table::NOTHING.to_owned();
    let percent = |value: Option<f64>| value.map_or_else(nothing, |value| format!("{value:.1}%"));
    let two = |one, other| match (one, other) {
        (None, None) => nothing(),
        (one, other) => format!("{}/{}", bytes(one), bytes(other)),
    };
    let cpu = snapshot.cpu_user_rate.map(|user| 100.0 * (user + snapshot.cpu_system_rate.unwrap_or_default()));
    [
        percent(cpu),
        percent(snapshot.memory_usage_percent),
        bytes(snapshot.memory_available_bytes),
        two(snapshot.disk_read_bytes_per_second, snapshot.disk_write_bytes_per_second),
        two(snapshot.network_recv_bytes_per_second, snapshot.network_sent_bytes_per_second),
        snapshot.task_current.map_or_else(nothing, |count| format!("{count:.0}")),
    ]
}

/// A number of bytes in the largest unit that leaves few digits.
fn bytes(count: Option<f64>) -> String {
    let Some(mut count) = count else { return crate::table::NOTHING.to_owned() };
    let mut unit = "TiB";
    for smaller in ["B", "KiB", "MiB", "GiB"] {
        if count < 1_000.0 {
            unit = smaller;
            break;
        }
        count /= 1_024.0;
    }
    let digits = usize::from(unit != "B" && count < 10.0);
    format!("{count:.digits$} {unit}")
}

fn raw(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_have_few_digits() {
        let all =
            [(0.0, "0 B"), (999.0, "999 B"), (1_500.0, "1.5 KiB"), (536_870_912.0, "512 MiB"), (2e15, "1819 TiB")];
        for (count, text) in all {
            assert_eq!(bytes(Some(count)), text);
        }
        assert_eq!(bytes(None), "–");
    }
}
