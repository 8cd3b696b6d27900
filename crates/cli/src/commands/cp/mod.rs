//! `sandbar cp`: files and directories between this machine and a sandbox.

mod bar;
mod download;
mod place;
mod upload;

use std::ffi::OsString;

use indicatif::HumanBytes;
use sandbar_client::{SkipReason, TransferReport};

use super::Session;
use crate::exit::CliError;
use crate::terminal_text::plain;
use place::Place;

/// Options of `sandbar cp`.
#[derive(clap::Args)]
#[command(after_help = "\
One side is ID:PATH, a place in a sandbox; a path there that does not begin with / is relative to the workspace. The other
side is a place here, or - for standard input or output. A file here whose name has a colon is written ./a:b.

As with cp, what is copied to a directory that exists goes into it under its own name; DIR/. is what is in DIR. Modes
are kept, but for those of directories that exist; symlinks in directories are left out. Each file is there as a whole, or
as it was before. A SRC or DST here may be a pipe or device, which is read to its end or written into.

Examples:
  sandbar cp report.csv sb-1a2b3c:
  sandbar cp -r ./src sb-1a2b3c:app
  sandbar cp -r sb-1a2b3c:app/dist ./dist
  sandbar cp sb-1a2b3c:/var/log/app.log - | grep error")]
pub(crate) struct Args {
    /// Copy directories with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// What is copied: PATH, ID:PATH, or -
    #[arg(value_name = "SRC")]
    source: OsString,
    /// Where it goes: PATH, ID:PATH, or -
    #[arg(value_name = "DST")]
    destination: OsString,
}

pub(super) async fn run(args: Args, session: &Session<'_>) -> Result<u8, CliError> {
    let recursive = args.recursive;
    let report = match (Place::of(&args.source), Place::of(&args.destination)) {
        (Place::Remote(source), Place::Stream) => {
            download::to_stream(&source, session).await?;
            return Ok(0);
        }
        (Place::Remote(source), Place::Local(local)) => download::to_file(&source, local, recursive, session).await?,
        (Place::Local(local), Place::Remote(target)) => upload::of_file(local, &target, recursive, session).await?,
        (Place::Stream, Place::Remote(target)) => upload::of_stream(&target, session).await?,
        (Place::Remote(_), Place::Remote(_)) => {
            return Err(CliError::Usage("both sides are in a sandbox: copy to this machine first".to_owned()));
        }
        _ => {
            let message =
                "no side is in a sandbox: write that one as ID:PATH, as in `sandbar cp a.txt sb-1a2b3c:a.txt`";
            return Err(CliError::Usage(message.to_owned()));
        }
    };
    tell(&report, session)?;
    Ok(0)
}

fn tell(report: &TransferReport, session: &Session<'_>) -> Result<(), CliError> {
    let output = session.output;
    if output.json {
        return output.value(report);
    }
    for skipped in &report.skipped {
        output.complain(&format!("left out: {} ({})", plain(&skipped.path), reason(skipped.reason)));
    }
    let files = if report.files == 1 { "1 file".to_owned() } else { format!("{} files", report.files) };
    output.note(&format!("copied {files}, {}", HumanBytes(report.bytes)));
    Ok(())
}

fn reason(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Symlink => "a symlink",
        SkipReason::Special => "a pipe, socket or device",
        SkipReason::Name => "the other side can't have such a name",
        SkipReason::Gone => "it went away meanwhile",
    }
}

/// A directory comes, and nobody has asked for one.
fn is_directory(what: &str) -> CliError {
    CliError::Usage(format!("{what} is a directory: -r copies it with all that is in it"))
}
