use std::str::FromStr;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::problem::Problem;

/// A signal by its name, as `SIGNAL_SIGTERM`, `SIGTERM` or `term`, or by its number.
pub(super) fn parse(signal: &Value) -> Result<Signal, Problem> {
    let text = match signal {
        Value::String(text) => text.trim().to_ascii_uppercase(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let known = match text.parse::<i32>() {
        Ok(number) => Signal::try_from(number).ok(),
        Err(_) => by_name(&text),
    };
    known.ok_or_else(|| {
        Problem::invalid(format!("`signal` is {signal}: pass a name like \"SIGNAL_SIGTERM\", or a number from 1 to 31"))
    })
}

fn by_name(text: &str) -> Option<Signal> {
    let name = text.strip_prefix("SIGNAL_").unwrap_or(text);
    let name = name.strip_prefix("SIG").unwrap_or(name);
    Signal::from_str(&format!("SIG{name}")).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signal_has_several_names_and_a_number() {
        for name in ["SIGNAL_SIGTERM", "SIGTERM", "TERM", "signal_sigterm", "term", "15", " SIGTERM "] {
            assert_eq!(parse(&json!(name)), Ok(Signal::SIGTERM), "{name}");
        }
        assert_eq!(parse(&json!(9)), Ok(Signal::SIGKILL));
        assert_eq!(parse(&json!("SIGNAL_SIGHUP")), Ok(Signal::SIGHUP));
    }

    #[test]
    fn what_is_no_signal_is_refused_as_it_came() {
        for other in [json!("SIGNAL_UNSPECIFIED"), json!("0"), json!("-9"), json!(64), json!(""), json!(null)] {
            assert!(parse(&other).is_err_and(|problem| problem.message().contains(&other.to_string())), "{other}");
        }
    }
}
