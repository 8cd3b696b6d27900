//! The directories of an upload.

use serde::{Deserialize, Serialize};

use super::load::place_of;
use super::walk::LocalFolder;
use crate::answer::RawAnswer;
use crate::runtime::call::RuntimeRequest;
use crate::{CallOptions, ClientError, Runtime};

/// How many directories one request makes.
const AT_ONCE: usize = 1_000;
/// What the owner needs to put something into a directory.
const OWNER: u32 = 0o700;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FoldersRequest<'a> {
    folders: Vec<Folder<'a>>,
    /// Whether those that are there get the mode as well.
    change_existing: bool,
}

#[derive(Serialize)]
struct Folder<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
}

#[derive(Deserialize)]
struct FoldersResponse {
    #[serde(default)]
    folders: Vec<FolderMade>,
}

#[derive(Deserialize)]
struct FolderMade {
    #[serde(default)]
    created: bool,
    /// What it was before, if it was there.
    #[serde(default)]
    mode: Option<u32>,
}

/// A directory that files can be put into, and its mode when all is in it.
pub(super) struct MadeFolder {
    place: String,
    mode: u32,
}

fn is_closed(mode: u32) -> bool {
    mode & OWNER != OWNER
}

impl Runtime {
    /// Makes directories, each above those below; files can be put into them. Those that are there keep their modes, but for
    /// the time of the upload if they are closed on both sides: what was uploaded once can be uploaded again.
    ///
    /// A runtime without the route makes those that are empty, and keeps no modes.
    pub(super) async fn make_folders(
        &self,
        folders: Vec<LocalFolder>,
        remote: &str,
        call: &CallOptions,
    ) -> Result<Vec<MadeFolder>, ClientError> {
        let mut made = Vec::new();
        for some in folders.chunks(AT_ONCE) {
            let places: Vec<_> = some.iter().map(|folder| place_of(remote, &folder.within)).collect();
            let bodies = places.iter().zip(some);
            let bodies =
                bodies.map(|(path, folder)| Folder { path, mode: folder.mode.map(|mode| mode | OWNER) }).collect();
            let answer = match self.send_folders(bodies, false, call).await {
                Err(ClientError::Api(error)) if error.code.as_deref() == Some("unimplemented") => {
                    return self.make_empty(&folders, remote, call).await.map(|()| made);
                }
                outcome => outcome?,
            };
            let mut closed = Vec::new();
            for ((place, folder), answer) in places.into_iter().zip(some).zip(answer) {
                match (folder.mode, answer.mode) {
                    (Some(mode), _) if answer.created => made.push(MadeFolder { place, mode }),
                    (Some(mode), Some(before)) if is_closed(mode) && is_closed(before) => {
                        closed.push(MadeFolder { place, mode: before });
                    }
                    _ => {}
                }
            }
            self.set_modes(&closed, |mode| mode | OWNER, call).await?;
            made.extend(closed);
        }
        Ok(made)
    }

    /// Gives directories their modes, now that all is in them: some can't be written to any more.
    pub(super) async fn close_folders(&self, mut made: Vec<MadeFolder>, call: &CallOptions) -> Result<(), ClientError> {
        made.retain(|folder| is_closed(folder.mode));
        // The deepest first: one without the right to search closes what is in it.
        made.sort_unstable_by(|one, other| other.place.cmp(&one.place));
        self.set_modes(&made, |mode| mode, call).await
    }

    async fn set_modes(
        &self,
        folders: &[MadeFolder],
        mode: fn(u32) -> u32,
        call: &CallOptions,
    ) -> Result<(), ClientError> {
        for some in folders.chunks(AT_ONCE) {
            let bodies = some.iter().map(|folder| Folder { path: &folder.place, mode: Some(mode(folder.mode)) });
            self.send_folders(bodies.collect(), true, call).await?;
        }
        Ok(())
    }

    async fn send_folders(
        &self,
        folders: Vec<Folder<'_>>,
        change_existing: bool,
        call: &CallOptions,
    ) -> Result<Vec<FolderMade>, ClientError> {
        let request = RuntimeRequest::post("/files/folders").json(&FoldersRequest { folders, change_existing });
        Ok(self.send(request, call, RawAnswer::object::<FoldersResponse>).await?.value.folders)
    }

    async fn make_empty(&self, folders: &[LocalFolder], remote: &str, call: &CallOptions) -> Result<(), ClientError> {
        for folder in folders.iter().filter(|folder| folder.is_empty) {
            self.make_dir(&place_of(remote, &folder.within), call).await?;
        }
        Ok(())
    }
}
