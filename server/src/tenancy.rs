//! Who works on a data folder. One server alone holds it and shuts others out. Servers that share a
//! Redis may work on one folder side by side: the first to come tidies up what a crash left behind,
//! before it lets the next one in.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    time::Duration,
};

/// Held while a server runs.
const LOCK_FILE: &str = "studyin.lock";
/// How often one looks whether the first is done tidying up.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest that may take: it reads rows and folders, not documents.
const TIDYING_MAX: Duration = Duration::from_secs(30);

/// The right to work on a data folder; given back when dropped.
#[derive(Debug)]
pub struct Tenancy {
    lock: File,
    is_first: bool,
    shares: bool,
}

/// Why the folder cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another server holds it and lets nobody in.
    #[error("another server works on it")]
    Taken,
}

impl Tenancy {
    /// Makes the folder and takes a place in it. With `shares`, others that share may work there too.
    ///
    /// # Errors
    /// When the folder cannot be used, or is another server's alone.
    pub async fn take(folder: &Path, shares: bool) -> Result<Self, TenancyError> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => {
                return Ok(Self {
                    lock,
                    is_first: true,
                    shares,
                });
            }
            Err(TryLockError::WouldBlock) if shares => {}
            Err(TryLockError::WouldBlock) => return Err(TenancyError::Taken),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        wait_for_share(&lock).await?;
        Ok(Self {
            lock,
            is_first: false,
            shares,
        })
    }

    /// Whether nobody else worked here when it was taken.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Lets others in that share; called once everything is in order.
    ///
    /// # Errors
    /// When somebody who shares with nobody came in between.
    pub async fn let_others_in(&self) -> Result<(), TenancyError> {
        if !(self.is_first && self.shares) {
            return Ok(());
        }
        self.lock.unlock()?;
        wait_for_share(&self.lock).await
    }
}

async fn wait_for_share(lock: &File) -> Result<(), TenancyError> {
    let shared = async {
        loop {
            match lock.try_lock_shared() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_EVERY).await,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    };
    tokio::time::timeout(TIDYING_MAX, shared)
        .await
        .unwrap_or(Err(TenancyError::Taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_alone_shuts_others_out_and_those_who_share_let_each_other_in() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Tenancy::take(folder.path(), false).await.unwrap();
        let second = Tenancy::take(folder.path(), false).await;
        assert!(matches!(second, Err(TenancyError::Taken)));
        drop(alone);
        let first = Tenancy::take(folder.path(), true).await.unwrap();
        assert!(first.is_first());
        let path = folder.path().to_owned();
        let next = tokio::spawn(async move { Tenancy::take(&path, true).await });
        first.let_others_in().await.unwrap();
        assert!(!next.await.unwrap().unwrap().is_first());
        let stranger = Tenancy::take(folder.path(), false).await;
        assert!(matches!(stranger, Err(TenancyError::Taken)));
    }
}
