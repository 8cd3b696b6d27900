//! `sandbar doctor`: what is wrong on this machine and with the service, and how to mend it.

mod access_control;
mod agent;
mod bubblewrap;
mod clock;
mod container;
mod data_folder;
mod distribution;
mod finding;
mod health;
mod holder;
mod kernel;
mod limits;
mod namespaces;
mod port;
mod program;
mod report;
mod service;
mod system;
mod trial;

use std::net::SocketAddr;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use sandbar_client::LocalEngine;
use sandbar_engine::driver::{BubblewrapConfig, Survey};

use crate::exit::CliError;
use crate::global::GlobalArgs;
use crate::output::Output;
use crate::serve::DEFAULT_LISTEN;
use finding::{Finding, has_problem};
use report::{Report, Section};
use system::System;

/// Options of `sandbar doctor`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address that the engine is to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Folder that the engine is to use. Default: that of `serve`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Also create a sandbox, run a command in it and delete it: on this machine, and at the service if one is set.
    #[arg(long)]
    full: bool,
}

/// Looks at everything and tells what it found. The exit code is 0 only if nothing is a problem.
pub(crate) async fn run(args: Args, global: &GlobalArgs, output: &Output) -> Result<u8, CliError> {
    let report = tokio::select! {
        report = examine(args, global) => report?,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted("", Signal::SIGINT)),
    };
    report.print(output)?;
    Ok(u8::from(report.has_problem()))
}

async fn examine(args: Args, global: &GlobalArgs) -> Result<Report, CliError> {
    let system = System::of_this_machine();
    let survey = survey().await?;
    let machine = machine(&system, &survey).await;
    let mut engine = engine(&system, &survey, &args).await;
    let mut service = service::look(global).await;
    if args.full {
        if !has_problem(&machine) && !has_problem(&engine) {
            engine.push(trial::here().await);
        }
        if let Some(client) = &service.client {
            service.findings.push(trial::at(client, "the service").await);
        }
    }
    Ok(Report(vec![
        Section { name: "machine", title: "This machine", findings: machine },
        Section { name: "engine", title: "Local engine", findings: engine },
        Section { name: "service", title: "Service", findings: service.findings },
    ]))
}

/// The driver's own looks, in a folder of their own.
async fn survey() -> Result<Survey, CliError> {
    let system = |source| CliError::System { what: "can't make a temporary folder".to_owned(), source };
    let folder = tempfile::Builder::new().prefix("sandbar-").tempdir().map_err(system)?;
    let survey = Survey::of(&BubblewrapConfig::new(folder.path(), PathBuf::new())).await;
    folder.close().map_err(system)?;
    Ok(survey)
}

async fn machine(system: &System, survey: &Survey) -> Vec<Finding> {
    let bubblewrap = bubblewrap::finding(system, survey.bwrap.as_deref()).await;
    let namespaces = namespaces::findings(system, &survey.namespaces, bubblewrap.is_problem());
    let mut findings = vec![kernel::finding(system), bubblewrap];
    findings.extend(namespaces);
    findings.extend(access_control::finding(system));
    findings.push(container::finding(system));
    findings.extend([limits::inotify(system), limits::open_files(system), clock::finding(system)]);
    findings
}

async fn engine(system: &System, survey: &Survey, args: &Args) -> Vec<Finding> {
    let folder = args.data_dir.clone().or_else(LocalEngine::default_data_dir);
    let mut findings = vec![agent::finding().await, limits::of_sandboxes(&survey.limits)];
    findings.extend(data_folder::findings(system, folder.as_deref()));
    findings.push(port::finding(system, args.listen).await);
    findings
}
