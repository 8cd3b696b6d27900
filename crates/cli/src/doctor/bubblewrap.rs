use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::distribution::Distribution;
use super::finding::Finding;
use super::program::version_of;
use super::system::System;

const CHECK: &str = "bubblewrap";
/// The first with `--disable-userns`.
const NEEDED: (u32, u32) = (0, 8);
const SETUID: u32 = 0o4000;

/// The program `bwrap`, where the driver has found it.
pub(super) async fn finding(system: &System, bwrap: Option<&Path>) -> Finding {
    let Some(path) = bwrap else {
        return Finding::problem(CHECK, "the program bwrap is not in PATH", system.install(CHECK));
    };
    let place = path.display();
    let version = match version_of(path).await {
        Ok(version) => version,
        Err(why) => {
            let message = format!("{place} does not run: {why}");
            return Finding::problem(CHECK, message, reinstall(system));
        }
    };
    match number(&version) {
        None => {
            let message = format!("{place} is not bubblewrap: asked for its version, it says {version:?}");
            Finding::problem(CHECK, message, format!("type -a bwrap\n{}", reinstall(system)))
        }
        Some(number) if number < NEEDED => {
            let message = format!("{version} at {place} is too old: 0.8 or later is needed");
            Finding::problem(CHECK, message, newer(system))
        }
        _ if is_setuid(path) => {
            let message = format!("{place} is setuid root, and such a bwrap can't forbid further user namespaces");
            Finding::problem(CHECK, message, system.as_root(&format!("chmod u-s {place}")))
        }
        _ => Finding::ok(CHECK, format!("{version} at {place}")),
    }
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("bubblewrap ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn is_setuid(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & SETUID != 0)
}

fn reinstall(system: &System) -> String {
    match system.distribution {
        Distribution::Debian => system.as_root("apt-get install --reinstall bubblewrap"),
        Distribution::Fedora => system.as_root("dnf reinstall bubblewrap"),
        Distribution::Alpine => system.as_root("apk fix bubblewrap"),
        Distribution::Suse => system.as_root("zypper install --force bubblewrap"),
        Distribution::Arch | Distribution::Other => system.install(CHECK),
    }
}

fn newer(system: &System) -> String {
    let update = match system.distribution {
        Distribution::Debian => "apt-get update && apt-get install --only-upgrade bubblewrap",
        Distribution::Fedora => "dnf upgrade bubblewrap",
        Distribution::Arch => "pacman -Syu bubblewrap",
        Distribution::Alpine => "apk upgrade bubblewrap",
        Distribution::Suse => "zypper update bubblewrap",
        Distribution::Other => return system.install(CHECK),
    };
    let update = update.replace("&& ", &format!("&& {}", system.as_root("")));
    format!(
        "{}\n# Debian 12, Ubuntu 23.04 and later have it; else build it: https://github.com/containers/bubblewrap",
        system.as_root(&update)
    )
}

#[cfg(test)]
mod tests {
    use super::super::system::tests::machine;
    use super::*;

    fn script(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bwrap");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    async fn found(text: &str, mode: u32) -> Finding {
        let (system, _root) = machine(&[("etc/os-release", "ID=debian")]);
        let (_folder, path) = script(text, mode);
        finding(&system, Some(&path)).await
    }

    #[tokio::test]
    async fn an_old_one_is_a_problem_and_the_update_is_named() {
        let old = found("echo bubblewrap 0.6.1", 0o755).await;
        assert!(old.is_problem() && old.message.contains("0.8 or later is needed"), "{}", old.message);
        let update = "sudo apt-get update && sudo apt-get install --only-upgrade bubblewrap";
        assert_eq!(old.fix.unwrap().lines().next(), Some(update));
        assert!(!found("echo bubblewrap 0.8.0", 0o755).await.is_problem());
        assert!(!found("echo bubblewrap 1.0.0", 0o755).await.is_problem());
    }

    #[tokio::test]
    async fn a_setuid_one_is_a_problem() {
        let setuid = found("echo bubblewrap 0.8.0", 0o4755).await;
        assert!(setuid.is_problem() && setuid.fix.unwrap().starts_with("sudo chmod u-s /"), "{}", setuid.message);
    }

    #[tokio::test]
    async fn another_program_of_that_name_is_a_problem() {
        let other = found("echo hello", 0o755).await;
        assert!(other.message.contains("is not bubblewrap"), "{}", other.message);
    }
}
