//! What a shell and `man` want to know of the command line. Nothing is called.

use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::exit::CliError;
use crate::output::Output;

/// Options of `sandbar completions`.
#[derive(clap::Args)]
#[command(after_help = "\
To have them in every new shell:
  bash  sandbar completions bash > ~/.local/share/bash-completion/completions/sandbar
  zsh   sandbar completions zsh > ~/.zfunc/_sandbar      (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  fish  sandbar completions fish > ~/.config/fish/completions/sandbar.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Options of `sandbar man`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sandbar man | man -l -
  sandbar man create | man -l -
  sandbar man --dir ~/.local/share/man/man1      # then: man sandbar, man sandbar-create")]
pub(crate) struct ManArgs {
    /// The command that the page is about [default: all of sandbar]
    command: Option<String>,
    /// Write the pages of all commands into this folder instead, made if it does not exist
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, output: &Output) -> Result<u8, CliError> {
    let mut script = Vec::new();
    let mut whole = crate::command_line();
    whole.build();
    clap_complete::generate(args.shell, &mut shown(&whole), "sandbar", &mut script);
    output.write(script)?;
    Ok(0)
}

pub(super) fn man(args: &ManArgs, output: &Output) -> Result<u8, CliError> {
    let mut whole = crate::command_line();
    whole.build();
    if let Some(folder) = &args.dir {
        let failed = || CliError::system(format!("can't write the pages into {}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed())?;
        clap_mangen::generate_to(crate::command_line(), folder).map_err(failed())?;
        output.note(&format!("the pages are in {}", folder.display()));
        return Ok(0);
    }
    let command = match &args.command {
        None => whole,
        Some(name) => subcommand(&whole, name)?,
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(CliError::system("can't write the page"))?;
    output.write(page)?;
    Ok(0)
}

/// The command without what is hidden: `clap_complete` offers that as well.
fn shown(command: &Command) -> Command {
    let options = command.get_arguments().filter(|option| !option.is_hide_set());
    let below = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    // Names of a new command are static: they live until the end of this program, which is near.
    let leaked = |name: &str| -> &'static str { name.to_owned().leak() };
    let aliases = command.get_visible_aliases().map(leaked).collect::<Vec<_>>();
    let about = command.get_about().cloned().unwrap_or_default();
    let named = Command::new(leaked(command.get_name()));
    let named = if let Some(version) = command.get_version() { named.version(leaked(version)) } else { named };
    named
        .about(about)
        .visible_aliases(aliases)
        // They are among the options already.
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(options.map(|option| option.clone().global(false)))
        .subcommands(below.map(shown))
}

fn subcommand(whole: &Command, name: &str) -> Result<Command, CliError> {
    let found = whole.find_subcommand(name).filter(|command| !command.is_hide_set()).cloned();
    found.ok_or_else(|| CliError::Usage(format!("there is no command {name}: `sandbar --help` lists them")))
}
