//! Passwords of documents on their way to the one attempt they were typed for. In memory only: after
//! a restart the student is asked again.

use app::model::id::MaterialId;
use secrecy::SecretString;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The passwords that wait for their job. Cheap to clone; all clones hold the same ones.
#[derive(Clone, Default)]
pub struct Passwords(Arc<Mutex<HashMap<MaterialId, SecretString>>>);

impl Passwords {
    /// Keeps a password until the material's next attempt.
    pub fn keep(&self, material: MaterialId, password: SecretString) {
        self.lock().insert(material, password);
    }

    /// Hands the password out, for good.
    pub fn take(&self, material: MaterialId) -> Option<SecretString> {
        self.lock().remove(&material)
    }

    /// Forgets it: there will be no attempt.
    pub fn forget(&self, material: MaterialId) {
        self.lock().remove(&material);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MaterialId, SecretString>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
