/// The port and the sandbox of `{port}-{sandboxID}.{anything}`, with or without the engine's own port.
pub(super) fn parse(host: &str) -> Option<(u16, String)> {
    let (name, rest) = without_port(host).split_once('.')?;
    let (port, id) = name.split_once('-')?;
    let id = id.to_ascii_lowercase();
    let is_id = id.strip_prefix("sb-").is_some_and(|tail| !tail.is_empty() && tail.bytes().all(is_of_id));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    if is_id && is_port && is_name(rest.strip_suffix('.').unwrap_or(rest)) {
        Some((port.parse().ok()?, id))
    } else {
        None
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_name(name: &str) -> bool {
    name.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_port_and_a_sandbox_are_the_first_part_of_a_name() {
        let known = Some((3000, "sb-a1b2".to_owned()));
        for host in
            ["3000-sb-a1b2.localhost", "3000-sb-a1b2.localhost:8787", "3000-SB-A1b2.LOCALHOST", "3000-sb-a1b2.x.y."]
        {
            assert_eq!(parse(host), known, "{host}");
        }
        assert_eq!(parse("65535-sb-z.localhost"), Some((65_535, "sb-z".to_owned())));
    }

    #[test]
    fn no_other_name_is_one() {
        for host in [
            "",
            "localhost",
            "127.0.0.1:8787",
            "[::1]:8787",
            "sb-a.localhost",
            "3000-sb-a",
            "3000-sb-a:80",
            "3000-sb-a.",
            "3000-sb-.localhost",
            "0-sb-a.localhost",
            "03000-sb-a.localhost",
            "65536-sb-a.localhost",
            "-sb-a.localhost",
            "+3000-sb-a.localhost",
            "3000-other.localhost",
            "3000-sb-a_b.localhost",
            "3000-sb-a-b.localhost",
            "x3000-sb-a.localhost",
            "3000-sb-a..localhost",
            "www.3000-sb-a.localhost",
            "3000-sb-a/x.localhost",
            "user@3000-sb-a.localhost",
            "3000-sb-a.localhost..",
        ] {
            assert_eq!(parse(host), None, "{host}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_a_part_of_a_path_that_needs_no_escape(host in "[0-9]{1,6}-sb-.{0,6}\\.localhost|.{0,24}") {
            if let Some((port, id)) = parse(&host) {
                prop_assert!(port > 0);
                prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{}", id);
            }
        }
    }
}
