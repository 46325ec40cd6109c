//! A consistent copy of everything, written while the server works: the database as of one moment,
//! and the original files beside it, from wherever they are stored, as one tar archive that unpacks
//! into a data folder.
//! Derived data only (the model) is left out.
//!
//! The database is copied first: a file that is deleted meanwhile is merely missing in the copy, one
//! that is added meanwhile is merely left over.

use crate::{
    DATABASE_FILE,
    config::StorageConfig,
    ingest::files::{Files, OWNER_FILE},
    store::{Db, StoreError},
};
use futures::TryStreamExt as _;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tokio::runtime::Handle;

/// Folder of the originals in the archive, and in the `DATA_DIR` of a server without a bucket.
const FILES_FOLDER: &str = "files";

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("There is no database at {0}. Set DATA_DIR to the folder the server uses.")]
    NoDatabase(PathBuf),
    #[error("{0} is there already. Choose another name, or move it away.")]
    Exists(PathBuf),
    #[error("The database could not be copied: {0}")]
    Store(#[from] StoreError),
    #[error("The copy could not be written: {0}")]
    Io(#[from] io::Error),
}

/// What a copy holds.
#[derive(Debug)]
pub struct Copied {
    /// Original files beside the database.
    pub files: usize,
}

/// Writes the copy to `target`, whole or not at all; never over an existing file.
///
/// # Errors
/// When there is nothing to copy, `target` exists, or the disk does not take it.
pub async fn write(
    data_dir: &Path,
    storage: &StorageConfig,
    target: &Path,
) -> Result<Copied, BackupError> {
    let database = data_dir.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(BackupError::NoDatabase(database));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let half_way = HalfWay::beside(target)?;
    let db = Db::open(&database).await?;
    let copied = db.copy_to(&half_way.database()).await;
    db.close().await;
    copied?;
    let files = Files::open_with(data_dir, storage).await?;
    let owner = data_dir.join(OWNER_FILE);
    let (target, runtime) = (target.to_owned(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let copied = archive(&half_way, &owner, &files, &runtime)?;
        // Unlike a rename, a link never replaces a file that appeared meanwhile.
        match fs::hard_link(half_way.archive(), &target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::Exists(target))
            }
            Err(_) => Ok(fs::rename(half_way.archive(), &target).map(|()| copied)?),
            Ok(()) => Ok(copied),
        }
    })
    .await
    .map_err(|error| BackupError::Io(io::Error::other(error)))?
}

/// A folder for what is not finished; it goes away again, whatever happens.
struct HalfWay(PathBuf);

impl HalfWay {
    fn beside(target: &Path) -> io::Result<Self> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let folder = target.with_file_name(name);
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    fn database(&self) -> PathBuf {
        self.0.join(DATABASE_FILE)
    }

    fn scratch(&self) -> PathBuf {
        self.0.join("original")
    }

    fn archive(&self) -> PathBuf {
        self.0.join("backup.tar")
    }
}

impl Drop for HalfWay {
    fn drop(&mut self) {
        // The copy itself is not lost with a folder that stays.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Adds one original after the other; one of a bucket by way of this disk, so that a large library
/// takes the room of one file and no memory.
fn archive(
    half_way: &HalfWay,
    owner: &Path,
    files: &Files,
    runtime: &Handle,
) -> Result<Copied, BackupError> {
    let mut archive = tar::Builder::new(File::create_new(half_way.archive())?);
    archive.append_path_with_name(half_way.database(), DATABASE_FILE)?;
    if owner.is_file() {
        archive.append_path_with_name(owner, OWNER_FILE)?;
    }
    let mut copied = 0;
    let mut stored = files.stored();
    let scratch = half_way.scratch();
    while let Some((user, material)) = runtime.block_on(stored.try_next())? {
        let name = Path::new(FILES_FOLDER).join(user.to_string());
        let name = name.join(material.to_string());
        let added = runtime
            .block_on(files.at_hand(user, material, &scratch))
            .and_then(|file| archive.append_path_with_name(file, name));
        match added {
            Ok(()) => copied += 1,
            // Deleted by its owner since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    archive.into_inner()?.sync_all()?;
    Ok(Copied { files: copied })
}
