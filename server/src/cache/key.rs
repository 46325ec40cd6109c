//! What a kept value is found under.

use super::Namespace;
use crate::store::generations::Generation;
use app::model::id::UserId;
use sha2::{Digest, Sha256};

/// The whole identity of a value: whose it is, of which kind and version, under which generation of
/// the rows, and what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    namespace: Namespace,
    user: UserId,
    hash: [u8; 32],
}

impl Key {
    /// `kind` is the declaration's name and the type's; `what` are the parts that tell the values of
    /// one kind apart.
    pub fn new(
        namespace: Namespace,
        kind: [&str; 2],
        version: u16,
        user: UserId,
        generation: Generation,
        what: &[&str],
    ) -> Self {
        let mut hash = Sha256::new();
        let parts = [
            namespace.name(),
            kind[0],
            kind[1],
            &version.to_string(),
            &user.to_string(),
            &generation.to_string(),
        ];
        for part in parts.iter().chain(what) {
            // The length first: "ab", "c" and "a", "bc" are not the same.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self {
            namespace,
            user,
            hash: hash.finalize().into(),
        }
    }

    /// What kind of thing it is the key of.
    pub(super) const fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// Whose it is.
    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// What a stored value repeats of its key.
    pub(super) fn check(&self) -> &[u8] {
        &self.hash
    }

    /// The name in Redis, within a build. The braces keep what is one student's on one node of a cluster.
    pub(super) fn name(&self) -> String {
        let hash: String = self.hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}:{{{}}}:{hash}", self.namespace.name(), self.user)
    }
}
