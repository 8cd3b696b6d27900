use std::path::Path;

use sandbar_engine::{DataDir, DataDirError, Disk, DiskLimits};

use super::finding::{Finding, comment};
use super::holder;
use super::system::System;

const CHECK: &str = "data folder";
const ROOM: &str = "disk";
const SET_ASIDE: &str = "set aside";
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Whether an engine could use the folder, and how much room there is.
pub(super) fn findings(system: &System, folder: Option<&Path>) -> Vec<Finding> {
    let Some(folder) = folder else {
        let message = "neither XDG_DATA_HOME nor HOME is set, so there is no place for the engine's files";
        return vec![Finding::problem(CHECK, message, "sandbar serve --data-dir /var/tmp/sandbar")];
    };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut found = vec![use_of(system, &folder)];
    found.extend(set_aside(&folder));
    found.extend(room(&folder));
    found
}

/// What engines could not use, and what can be done with it.
fn set_aside(folder: &Path) -> Option<Finding> {
    let pieces = DataDir::set_aside(folder);
    let first = pieces.first()?.display();
    let more = match pieces.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!("an engine could not use everything in the folder, and has kept it: {first}{more}");
    let place = folder.display();
    let fix = format!(
        "ls -lR {place}/set-aside\n{}\n{}\nrm -r {place}/set-aside  # once nothing of it is needed",
        comment("files of a sandbox whose record was lost are in sandboxes/ID/home: copy what is needed"),
        comment(&format!(
            "with an engine.db from a backup: stop the engine, put engine.db back, then \
             mv {place}/set-aside/TIME/sandboxes/ID {place}/sandboxes/"
        )),
    );
    Some(Finding::warning(SET_ASIDE, message, fix))
}

fn use_of(system: &System, folder: &Path) -> Finding {
    let place = folder.display();
    match DataDir::check(folder) {
        Ok(()) if folder.exists() => Finding::ok(CHECK, format!("{place} can be used")),
        Ok(()) => Finding::ok(CHECK, format!("{place} can be made")),
        Err(DataDirError::InUse(_)) => {
            let by = holder::of_file(&DataDir::lock_file(folder)).map(|holder| format!(": {holder}"));
            Finding::ok(CHECK, format!("{place} is in use by an engine{}", by.unwrap_or_default()))
        }
        Err(DataDirError::Unusable { source, .. }) => {
            let mut fix = "sandbar serve --data-dir \"/var/tmp/sandbar-$(id -un)\"".to_owned();
            if source.kind() == std::io::ErrorKind::PermissionDenied {
                let own = system.as_root(&format!("chown -R \"$(id -u)\" {place}"));
                fix.push_str(&format!("\n# or, if it is to be yours: {own}"));
            }
            Finding::problem(CHECK, format!("{place} can't be used: {source}"), fix)
        }
    }
}

/// The disk's room, by the limits at which the engine warns.
fn room(folder: &Path) -> Option<Finding> {
    let place = folder.ancestors().find(|place| place.exists())?;
    let disk = Disk::of(place).ok()?;
    let limits = DiskLimits::default();
    let percent = disk.files.map_or(100.0, |files| files.free_percent()).min(disk.bytes.free_percent());
    let free = format!("{:.1} GiB free ({percent:.0} %)", disk.bytes.free as f64 / GIB);
    let clean = format!(
        "df -h {0} && df -i {0}\n{1}",
        place.display(),
        comment("delete sandboxes that are not needed: sandbar rm")
    );
    Some(if percent < limits.full_percent {
        Finding::problem(ROOM, format!("the disk is full: {free}"), clean)
    } else if percent < limits.low_percent {
        Finding::warning(ROOM, format!("the disk is nearly full: {free}"), clean)
    } else {
        Finding::ok(ROOM, free)
    })
}
