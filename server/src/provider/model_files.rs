//! The three files of the embedding model on disk: opening them and making sure that they are the
//! ones this program was tested with. Knows nothing of what is in them.

use memmap2::Mmap;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// One file of the model: its name and the SHA-256 of its bytes.
type Expected = (&'static str, &'static str);

const CONFIG: Expected = (
    "config.json",
    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
);
/// The tokenizer's name in the model's folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER: Expected = (
    TOKENIZER_FILE,
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
);
const WEIGHTS: Expected = (
    "model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
);

/// Why the model cannot be used, in words for whoever runs the server.
#[derive(Debug, thiserror::Error)]
pub enum ModelProblem {
    #[error("The embedding model is not installed: {} is missing.", .0.display())]
    Missing(PathBuf),
    #[error("The embedding model's {} cannot be read: {source}.", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "The embedding model's {} is not the expected file: its sha256 is {found} instead of {expected}.",
        path.display()
    )]
    WrongHash {
        path: PathBuf,
        found: String,
        expected: &'static str,
    },
    #[error("The embedding model's files cannot be understood: {0}.")]
    Malformed(String),
    #[error("Loading the embedding model ended before its result.")]
    Stopped,
}

/// The model's files, verified.
pub struct ModelFiles {
    /// `tokenizer.json`.
    pub tokenizer: Mmap,
    /// `model.safetensors`.
    pub weights: Mmap,
}

impl ModelFiles {
    /// Opens and verifies the files in `dir`. Blocks: it reads 90 MB.
    ///
    /// # Errors
    /// Names the first file that is missing, unreadable or different, and the hash that was found.
    pub fn open(dir: &Path) -> Result<Self, ModelProblem> {
        open_verified(dir, CONFIG)?;
        Ok(Self {
            tokenizer: open_verified(dir, TOKENIZER)?,
            weights: open_verified(dir, WEIGHTS)?,
        })
    }
}

fn open_verified(dir: &Path, (name, expected): Expected) -> Result<Mmap, ModelProblem> {
    let path = dir.join(name);
    let bytes = match File::open(&path).and_then(|file| map(&file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ModelProblem::Missing(path));
        }
        Err(source) => return Err(ModelProblem::Unreadable { path, source }),
    };
    let found = hex(&Sha256::digest(&bytes));
    if found == expected {
        Ok(bytes)
    } else {
        Err(ModelProblem::WrongHash {
            path,
            found,
            expected,
        })
    }
}

/// Maps a file, so that the pages nobody needs cost no memory and the hash is taken of the very
/// bytes that are used.
#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map must not change underneath. The installer writes beside and renames, which
    // leaves the mapped file alone, and nothing in this program writes to the model's folder.
    unsafe { Mmap::map(file) }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the files look like from outside; when it changes, looking into them again is worth it.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<Option<(u64, Option<SystemTime>)>>);

impl Fingerprint {
    /// Sizes and times of the files in `dir`, without reading them.
    pub fn of(dir: &Path) -> Self {
        Self(
            [CONFIG, TOKENIZER, WEIGHTS]
                .iter()
                .map(|(name, _)| {
                    let metadata = dir.join(name).metadata().ok()?;
                    Some((metadata.len(), metadata.modified().ok()))
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let problem = ModelFiles::open(dir.path()).err().unwrap();
        assert!(matches!(&problem, ModelProblem::Missing(path) if path.ends_with("config.json")));
    }

    #[test]
    fn a_different_file_is_refused_with_the_hash_that_was_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        let problem = ModelFiles::open(dir.path()).err().unwrap().to_string();
        assert!(problem.contains("config.json"), "{problem}");
        // SHA-256 of the two bytes `{}`.
        assert!(
            problem.contains("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
            "{problem}"
        );
    }

    #[test]
    fn a_replaced_file_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        let before = Fingerprint::of(dir.path());
        assert_eq!(before, Fingerprint::of(dir.path()));
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        assert_ne!(before, Fingerprint::of(dir.path()));
    }
}
