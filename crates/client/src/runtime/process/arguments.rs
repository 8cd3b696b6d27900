use sandbar_protocol::{Fields, ValidationError, bare_kind, closest, kind_of};
use serde_json::{Value, json};

use super::control::InputCall;
use super::running::{Attach, Extras, Process};
use super::user::{as_user, user};
use super::wire::{ProcessConfig, Pty, PtySize, Selector, StartRequest};
use crate::runtime::Runtime;
use crate::runtime::run::{MAX_TIMEOUT_MS, arguments, command, variables};
use crate::{Args, CallOptions};

/// A shell as people know it, where there is one.
const DEFAULT_SHELL: &str = "if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi";
const TERMINAL: &str = "xterm-256color";
/// The most columns, or rows, of a terminal.
const MAX_SIDE: u64 = 10_000;

const START_FIELDS: [&str; 9] = ["args", "cwd", "envs", "timeoutMs", "user", "stdin", "tag", "background", "check"];
const PTY_FIELDS: [&str; 7] = ["args", "cwd", "envs", "timeoutMs", "user", "tag", "size"];

/// The arguments of a process that is to be followed.
#[derive(Debug)]
pub struct StartCall {
    attach: Attach,
    extras: Extras,
    call: CallOptions,
}

impl StartCall {
    /// Begins to follow it; within a tokio runtime.
    pub fn begin(self, runtime: &Runtime) -> Process {
        runtime.follow_with(self.attach, self.extras, &self.call)
    }
}

impl Args {
    /// Arguments of a command that is followed: `cmd`, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn start(&self) -> Result<StartCall, ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("command options", &options, &START_FIELDS)?;
        let in_background = fields.boolean("background")? == Some(true);
        let (has_stdin, input) = match fields.get("stdin") {
            None => (in_background, None),
            Some(Value::Bool(open)) => (*open, None),
            Some(Value::String(text)) => (true, Some(text.clone())),
            Some(other) => {
                let message = format!("`stdin` must be a string, true or false, got {}", bare_kind(other));
                return Err(ValidationError::new("stdin", message));
            }
        };
        let request = StartRequest { stdin: has_stdin, ..start_request(command(self.get("cmd"))?, &fields)? };
        let extras = Extras { input, check: fields.boolean("check")? == Some(true), has_terminal: false };
        Ok(StartCall { attach: Attach::Start(request), extras, call })
    }

    /// Arguments of a terminal: `command`, a shell if there is none, and options.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn create_pty(&self) -> Result<StartCall, ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("terminal options", &options, &PTY_FIELDS)?;
        let cmd = match self.get("cmd") {
            None | Some(Value::Null) if fields.get("args").is_some() => {
                let message = "`args` are for a program, and there is none: pass it as the command";
                return Err(ValidationError::new("args", message));
            }
            None | Some(Value::Null) => DEFAULT_SHELL.to_owned(),
            given => command(given)?,
        };
        let size = fields.get("size").map(size).transpose()?.unwrap_or_default();
        let mut request = StartRequest { stdin: true, pty: Some(Pty { size }), ..start_request(cmd, &fields)? };
        let variables = request.process.envs.get_or_insert_default();
        variables.entry("TERM".to_owned()).or_insert_with(|| sandbar_protocol::Secret::new(TERMINAL));
        Ok(StartCall { attach: Attach::Start(request), extras: Extras::default(), call })
    }

    /// Arguments of following a process that runs: `process`, its number or `{tag}`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn connect_process(&self) -> Result<StartCall, ValidationError> {
        let (options, call) = self.options()?;
        let fields = Fields::of("connect options", &options, &["check"])?;
        let has_terminal = self.get("pty") == Some(&Value::Bool(true));
        let extras = Extras { input: None, check: fields.boolean("check")? == Some(true), has_terminal };
        Ok(StartCall { attach: Attach::To(self.process()?), extras, call })
    }

    /// Arguments of a call on a process: `process`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn of_process(&self) -> Result<(Selector, CallOptions), ValidationError> {
        Ok((self.process()?, self.account()?))
    }

    /// Arguments of a signal: `process`, `signal`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn signal_process(&self) -> Result<(Selector, String, CallOptions), ValidationError> {
        let signal = signal(self.get("signal"))?;
        Ok((self.process()?, signal, self.account()?))
    }

    /// Arguments of input: `process`; `pty` if its terminal gets it. The bytes come beside them, and are empty here.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn input(&self) -> Result<(InputCall, CallOptions), ValidationError> {
        let to_terminal = self.get("pty") == Some(&Value::Bool(true));
        Ok((InputCall { process: self.process()?, bytes: Vec::new(), to_terminal }, self.account()?))
    }

    /// Arguments of a terminal's new size: `process`, `size`.
    ///
    /// # Errors
    /// [`ValidationError`].
    pub fn resize(&self) -> Result<(Selector, PtySize, CallOptions), ValidationError> {
        let size = size(self.get("size").unwrap_or(&Value::Null))?;
        Ok((self.process()?, size, self.account()?))
    }

    fn process(&self) -> Result<Selector, ValidationError> {
        let refuse = |kind: &str| {
            let message =
                format!("`pid` must be a process ID, or {{tag}}, got {kind}: pass the `pid` of a handle or list");
            Err(ValidationError::new("pid", message))
        };
        match self.get("process") {
            Some(Value::Object(map)) if map.contains_key("tag") => {
                let tag = json!({ "tag": map.get("tag") });
                let tag = Fields::of("the process", &tag, &["tag"])?.text("tag")?.unwrap_or_default();
                check_tag(tag).map(|tag| Selector::Tag(tag.to_owned()))
            }
            Some(number) if number.is_number() => {
                let pid = json!({ "pid": number });
                let pid = Fields::of("the process", &pid, &["pid"])?.integer("pid", 1, u64::from(u32::MAX), "")?;
                Ok(Selector::Pid(pid.and_then(|pid| pid.try_into().ok()).unwrap_or_default()))
            }
            Some(other) => refuse(bare_kind(other)),
            None => refuse("nothing"),
        }
    }
}

/// The signals of Linux, without `SIG`.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// A signal's name, as `SIGTERM`, given as that, `TERM` or `SIGNAL_SIGTERM` in any case.
fn signal(value: Option<&Value>) -> Result<String, ValidationError> {
    let refuse = |got: &str, hint: String| {
        let message =
            format!("`signal` must be a signal's name, got {got}: pass one as \"SIGTERM\" or \"SIGINT\"{hint}");
        ValidationError::new("signal", message)
    };
    let given = match value {
        Some(Value::String(text)) => text.trim().to_ascii_uppercase(),
        Some(other) => return Err(refuse(&kind_of(other), String::new())),
        None => return Err(refuse("nothing", String::new())),
    };
    let name = given.strip_prefix("SIGNAL_").unwrap_or(&given);
    let name = name.strip_prefix("SIG").unwrap_or(name);
    if SIGNALS.contains(&name) {
        return Ok(format!("SIG{name}"));
    }
    let hint = closest(name, &SIGNALS).map(|name| format!(" (did you mean SIG{name}?)")).unwrap_or_default();
    Err(refuse(&kind_of(&Value::from(given)), hint))
}

fn start_request(cmd: String, fields: &Fields<'_>) -> Result<StartRequest, ValidationError> {
    let (cmd, args) = as_user(cmd, arguments(fields)?, user(fields)?);
    let process = ProcessConfig { cmd, args, envs: variables(fields)?, cwd: fields.text("cwd")?.map(str::to_owned) };
    Ok(StartRequest {
        process,
        timeout_ms: fields.integer("timeoutMs", 1, MAX_TIMEOUT_MS, "milliseconds")?,
        tag: fields.text("tag")?.map(check_tag).transpose()?.map(str::to_owned),
        stdin: false,
        pty: None,
    })
}

fn check_tag(tag: &str) -> Result<&str, ValidationError> {
    if tag.is_empty() || tag.len() > 200 {
        return Err(ValidationError::new("tag", "`tag` must have 1 to 200 bytes: choose a short name"));
    }
    Ok(tag)
}

fn size(value: &Value) -> Result<PtySize, ValidationError> {
    let fields = Fields::of("`size`", value, &["cols", "rows"])?;
    let side = |name| -> Result<u16, ValidationError> {
        let side = fields.integer(name, 1, MAX_SIDE, "characters")?;
        side.and_then(|side| side.try_into().ok()).ok_or_else(|| {
            ValidationError::new(format!("size.{name}"), format!("`size.{name}` is missing: pass {{cols, rows}}"))
        })
    };
    Ok(PtySize { cols: side("cols")?, rows: side("rows")? })
}
