//! A place for what must stay in the browser's one thread: open connections, queues.
//!
//! On the server it stays empty: a rendered page may be dropped by another thread than the one that
//! made it, and what belongs to one thread must not be in it then.

use leptos::prelude::{SetValue, StoredValue, UpdateValue};
use send_wrapper::SendWrapper;

/// Belongs to the component it is made in and goes with it.
pub struct Kept<T: 'static>(StoredValue<Option<SendWrapper<T>>>);

impl<T: 'static> Clone for Kept<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for Kept<T> {}

impl<T: 'static> Kept<T> {
    /// An empty place, to be filled in an effect or an event handler.
    pub fn empty() -> Self {
        Self(StoredValue::new(None))
    }

    /// Puts a value there; one that was there is dropped.
    pub fn keep(self, value: T) {
        self.0.try_set_value(Some(SendWrapper::new(value)));
    }

    /// Changes what is there; does nothing while the place is empty or after its component is gone.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        self.0.try_update_value(|kept| {
            if let Some(value) = kept {
                change(value);
            }
        });
    }
}
