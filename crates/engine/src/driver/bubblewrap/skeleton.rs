use std::fs;
use std::io;
use std::path::Path;

const FILES: [(&str, &str); 6] = [
    ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
    ("group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("hostname", "sandbox\n"),
    ("resolv.conf", ""),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

/// What of the host's `/etc` is shown inside: certificates, alternatives and the linker's cache, nothing of its users.
pub(super) const SHARED: [(&str, Kind); 5] = [
    ("alternatives", Kind::Folder),
    ("ld.so.cache", Kind::File),
    ("ssl/certs", Kind::Folder),
    ("ssl/openssl.cnf", Kind::File),
    ("localtime", Kind::File),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// Writes the `/etc` of all sandboxes into `folder`, with places to mount the shared parts on.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("ssl"))?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    for (name, kind) in SHARED {
        match kind {
            Kind::Folder => fs::create_dir_all(folder.join(name))?,
            Kind::File => fs::write(folder.join(name), "")?,
        }
    }
    Ok(())
}
