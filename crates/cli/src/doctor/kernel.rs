use super::finding::{Finding, comment};
use super::system::System;

const CHECK: &str = "kernel";
/// From here on, processes are counted in each user namespace by itself, and control groups can be killed as a whole.
const GOOD: (u32, u32) = (5, 14);

pub(super) fn finding(system: &System) -> Finding {
    let release = system.read("proc/sys/kernel/osrelease").unwrap_or_default();
    let message = format!("Linux {release} on {}", std::env::consts::ARCH);
    if version(&release) >= GOOD {
        return Finding::ok(CHECK, message);
    }
    let message = format!("{message} is older than 5.14: not every limit of a sandbox holds");
    Finding::warning(CHECK, message, comment("move to a release of this system with a newer kernel"))
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::system::tests::machine;
    use super::*;

    #[test]
    fn an_old_kernel_is_a_warning() {
        for (release, level) in [("5.10.0-28-amd64", Level::Warning), ("5.14.0", Level::Ok), ("6.1.0", Level::Ok)] {
            let (system, _root) = machine(&[("proc/sys/kernel/osrelease", release)]);
            assert_eq!(finding(&system).level, level, "{release}");
        }
    }
}
