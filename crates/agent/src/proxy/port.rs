use std::fmt;

use crate::problem::Problem;

/// A port of the sandbox's loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port(u16);

impl Port {
    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// A 502; `why` is a sentence about "it".
    pub(super) fn unavailable(self, why: &str) -> Problem {
        Problem::unavailable(format!("port {self} in this sandbox: {why}"))
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The port of `/proxy/{port}/{path}`, and the program's own path, neither decoded nor tidied up.
pub(super) fn target(path: &str) -> Result<(Port, String), Problem> {
    let rest = path.strip_prefix("/proxy/").unwrap_or_default();
    let (port, path) = rest.split_once('/').unwrap_or((rest, ""));
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number @ 1..) if digits => Ok((Port(number), format!("/{path}"))),
        _ => Err(Problem::invalid(format!("{port:?} is not a port: use a number from 1 to 65535, as /proxy/3000/"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Option<(u16, String)> {
        target(path).ok().map(|(port, path)| (port.0, path))
    }

    #[test]
    fn a_port_is_followed_by_the_programs_own_path() {
        assert_eq!(parts("/proxy/3000"), Some((3000, "/".to_owned())));
        assert_eq!(parts("/proxy/3000/"), Some((3000, "/".to_owned())));
        assert_eq!(parts("/proxy/65535/a/../%2e%2e//b/"), Some((65_535, "/a/../%2e%2e//b/".to_owned())));
    }

    #[test]
    fn what_is_no_port_is_refused_by_name() {
        for port in ["0", "65536", "abc", "+80", "-1", "8 0", "80x", "%380", "", "99999999999999999999"] {
            let refusal = target(&format!("/proxy/{port}/x")).expect_err(port);
            assert!(refusal.message().contains(&format!("{port:?} is not a port")), "{refusal:?}");
        }
    }
}
