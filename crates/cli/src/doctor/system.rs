use std::fs;
use std::path::PathBuf;

use nix::unistd::geteuid;

use super::distribution::Distribution;

/// What this machine tells of itself in files.
pub(super) struct System {
    /// `/`, but for tests.
    root: PathBuf,
    pub(super) is_root: bool,
    pub(super) distribution: Distribution,
}

impl System {
    pub(super) fn of_this_machine() -> Self {
        Self::at("/".into(), geteuid().is_root())
    }

    fn at(root: PathBuf, is_root: bool) -> Self {
        let mut system = Self { root, is_root, distribution: Distribution::Other };
        system.distribution = Distribution::named_in(&system.read("etc/os-release").unwrap_or_default());
        system
    }

    /// A file's text, without blanks at its ends; the path is relative to the root.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok().map(|text| text.trim().to_owned())
    }

    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// A setting of the kernel, as `user.max_user_namespaces`.
    pub(super) fn sysctl(&self, name: &str) -> Option<u64> {
        self.number(&format!("proc/sys/{}", name.replace('.', "/")))
    }

    /// What sets it for good.
    pub(super) fn set_sysctl(&self, name: &str, value: u64) -> String {
        const FILE: &str = "/etc/sysctl.d/60-sandbar.conf";
        let (tee, sysctl) = (self.as_root("tee"), self.as_root("sysctl"));
        format!("echo '{name} = {value}' | {tee} -a {FILE} && {sysctl} -p {FILE}")
    }

    /// A command that only root may run.
    pub(super) fn as_root(&self, command: &str) -> String {
        if self.is_root { command.to_owned() } else { format!("sudo {command}") }
    }

    /// What installs a package.
    pub(super) fn install(&self, package: &str) -> String {
        match self.distribution.install(package) {
            Some(command) => self.as_root(&command),
            None => format!("# install the package {package} with this system's package manager"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A machine that has these files.
    pub(in crate::doctor) fn machine(files: &[(&str, &str)]) -> (System, TempDir) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (System::at(root.path().to_owned(), false), root)
    }

    #[test]
    fn the_package_manager_is_that_of_the_distribution() {
        for (release, command) in [
            ("ID=debian", "sudo apt-get install bubblewrap"),
            ("NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"", "sudo apt-get install bubblewrap"),
            ("ID=fedora", "sudo dnf install bubblewrap"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", "sudo dnf install bubblewrap"),
            ("ID=arch", "sudo pacman -S bubblewrap"),
            ("ID=alpine", "sudo apk add bubblewrap"),
            ("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"", "sudo zypper install bubblewrap"),
            ("ID=nixos", "# install the package bubblewrap with this system's package manager"),
        ] {
            let (system, _root) = machine(&[("etc/os-release", release)]);
            assert_eq!(system.install("bubblewrap"), command, "{release}");
        }
    }

    #[test]
    fn a_setting_of_the_kernel_is_read_and_set_for_good() {
        let (system, _root) = machine(&[("proc/sys/user/max_user_namespaces", "0\n")]);
        assert_eq!(system.sysctl("user.max_user_namespaces"), Some(0));
        assert_eq!(
            system.set_sysctl("user.max_user_namespaces", 15_000),
            "echo 'user.max_user_namespaces = 15000' | sudo tee -a /etc/sysctl.d/60-sandbar.conf && sudo sysctl -p \
             /etc/sysctl.d/60-sandbar.conf"
        );
    }
}
