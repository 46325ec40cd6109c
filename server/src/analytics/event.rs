//! Something a student did, as it is kept: all that its figures take, so that they can be counted
//! again when documents and conversations are long gone.
//!
//! An event keeps the local date and the time zone it was recorded in. A student who moves to another
//! zone keeps her days as they were; a session under way keeps the zone it began in to its end.

use super::sittings;
use app::model::id::{MaterialId, MessageId};
use chrono::{DateTime, NaiveDate, Timelike as _, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

/// Seconds within which going on reading a document counts once: a browser says so every 30.
pub const READING_SLOT_SECONDS: i64 = 30;
/// Seconds within which the same page is read once; after that it is read again.
const PAGE_SLOT_SECONDS: i64 = 60;

/// The sha256 of a document's bytes.
pub type Sha256 = [u8; 32];

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Question {
        message: MessageId,
    },
    MaterialAdded {
        material: MaterialId,
        /// `None` only in events of older versions whose document brought no XP.
        sha256: Option<Sha256>,
    },
    PageRead {
        material: MaterialId,
        page: u32,
        /// The document's bytes, when this was its last unseen page.
        finishes: Option<Sha256>,
    },
    /// Went on reading.
    Reading {
        material: MaterialId,
        page: u32,
    },
}

/// One row of what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub local_date: NaiveDate,
    pub zone: Tz,
    pub deed: Deed,
}

impl Event {
    /// What happens now, where the student is now.
    pub fn new(id: Uuid, at: DateTime<Utc>, zone: Tz, deed: Deed) -> Self {
        Self {
            id,
            at,
            local_date: sittings::local_date(at, zone),
            zone,
            deed,
        }
    }

    /// Hour of the local clock, 0 to 23.
    pub fn hour(&self) -> u32 {
        self.at.with_timezone(&self.zone).hour()
    }

    /// What makes it the same when it arrives again. A page counts again after a minute: reading it a
    /// second time is study time too.
    pub fn natural_key(&self) -> String {
        let slot = |seconds: i64| self.at.timestamp().div_euclid(seconds);
        match self.deed {
            Deed::Question { message } => format!("question:{message}"),
            Deed::MaterialAdded { material, .. } => format!("material:{material}"),
            Deed::PageRead { material, page, .. } => {
                format!("page:{material}:{page}:{}", slot(PAGE_SLOT_SECONDS))
            }
            Deed::Reading { material, .. } => {
                format!("reading:{material}:{}", slot(READING_SLOT_SECONDS))
            }
        }
    }
}
