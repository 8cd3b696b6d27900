//! What an engine finds in its data folder and can't use is never deleted: it is moved to `set-aside/<time>/`.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// The folder in the data folder.
pub(crate) const FOLDER: &str = "set-aside";
/// Where homes are, in the data folder as in here.
const SANDBOXES: &str = "sandboxes";

/// Moves a file or folder out of the way, with its path in the data folder kept. Gives back where it is now.
pub(crate) fn set_aside(data_dir: &Path, piece: &Path) -> io::Result<PathBuf> {
    let path = piece.strip_prefix(data_dir).map_err(io::Error::other)?;
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let folders = std::iter::once(time.clone()).chain((2..).map(|n: u32| format!("{time}-{n}")));
    let mut places = folders.map(|folder| data_dir.join(FOLDER).join(folder).join(path));
    let place = places.find(|place| fs::symlink_metadata(place).is_err()).unwrap_or_default();
    let folder = place.parent().unwrap_or(data_dir);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::rename(piece, &place)?;
    Ok(place)
}

/// All that was set aside and is still there: files, and sandboxes' folders, which come first; by their path in the data folder.
pub(crate) fn list(data_dir: &Path) -> Vec<PathBuf> {
    let mut pieces = Vec::new();
    for time in entries(&data_dir.join(FOLDER)) {
        if !time.is_dir() {
            pieces.push(time);
            continue;
        }
        for piece in entries(&time) {
            if piece.file_name().is_some_and(|name| name == SANDBOXES) {
                pieces.extend(entries(&piece));
            } else {
                pieces.push(piece);
            }
        }
    }
    let mut pieces: Vec<_> =
        pieces.iter().filter_map(|piece| piece.strip_prefix(data_dir).ok().map(Path::to_owned)).collect();
    // Homes first: they are someone's work.
    pieces.sort_by_key(|piece| (!piece.components().any(|part| part.as_os_str() == SANDBOXES), piece.clone()));
    pieces
}

/// A folder that can't be read has nothing that could be named.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_content_when_they_are_set_aside_twice() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path();
        for content in ["first", "second"] {
            fs::create_dir_all(data_dir.join("sandboxes/sb-a/home")).unwrap();
            fs::write(data_dir.join("sandboxes/sb-a/home/file"), content).unwrap();
            let place = set_aside(data_dir, &data_dir.join("sandboxes/sb-a")).unwrap();
            assert_eq!(fs::read_to_string(place.join("home/file")).unwrap(), content);
        }
        fs::write(data_dir.join("logs.db"), "").unwrap();
        set_aside(data_dir, &data_dir.join("logs.db")).unwrap();
        let names: Vec<_> = list(data_dir).into_iter().map(|piece| piece.file_name().unwrap().to_owned()).collect();
        assert_eq!((names.len(), names.iter().filter(|name| *name == "sb-a").count()), (3, 2), "{names:?}");
    }
}
