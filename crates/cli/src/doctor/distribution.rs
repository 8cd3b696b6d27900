/// Which kind of Linux this is, for the names of its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    /// Debian, Ubuntu and what comes of them.
    Debian,
    Fedora,
    Arch,
    Alpine,
    Suse,
    Other,
}

impl Distribution {
    /// Reads `/etc/os-release`.
    pub(super) fn named_in(release: &str) -> Self {
        let value = |name: &str| {
            let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let names = format!("{} {}", value("ID"), value("ID_LIKE"));
        names.split_whitespace().find_map(Self::of).unwrap_or(Self::Other)
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "debian" | "ubuntu" => Self::Debian,
            "fedora" | "rhel" | "centos" => Self::Fedora,
            "arch" => Self::Arch,
            "alpine" => Self::Alpine,
            "suse" | "opensuse" => Self::Suse,
            _ => return None,
        })
    }

    /// What installs a package, or brings it up to date, as root.
    pub(super) fn install(self, package: &str) -> Option<String> {
        let command = match self {
            Self::Debian => "apt-get install",
            Self::Fedora => "dnf install",
            Self::Arch => "pacman -S",
            Self::Alpine => "apk add",
            Self::Suse => "zypper install",
            Self::Other => return None,
        };
        Some(format!("{command} {package}"))
    }
}
