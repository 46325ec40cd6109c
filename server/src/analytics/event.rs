//! Something a student did, as it is kept: all that its figures take, so that they can be counted
//! again when documents and conversations are long gone.
//!
//! An event keeps the local date and the time zone it was recorded in. A student who moves to another
//! zone keeps her days as they were; a session under way keeps the zone it began in to its end.

use super::sittings;
use app::model::id::{MaterialId, MessageId};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

/// Seconds within which going on reading a page counts once. A browser says so every 30, and when the page
/// is left: what it says then is as good as lost if it falls together with what it said before.
pub const READING_SLOT_SECONDS: i64 = 5;
/// Seconds within which the same page is read once; after that it is read again.
const PAGE_SLOT_SECONDS: i64 = 60;

/// Hours by which a local day begins before or ends after UTC's, at most.
const ZONE_MAX_HOURS: i64 = 15;

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
        /// The document's bytes, when every page of it has been on screen by now.
        finishes: Option<Sha256>,
    },
    /// Went on reading.
    Reading {
        material: MaterialId,
        page: u32,
        /// The document's bytes, when every page of it has been on screen by now.
        finishes: Option<Sha256>,
    },
}

impl Deed {
    /// The document it was about, if it was reading.
    pub const fn read(&self) -> Option<MaterialId> {
        match self {
            Self::PageRead { material, .. } | Self::Reading { material, .. } => Some(*material),
            Self::Question { .. } | Self::MaterialAdded { .. } => None,
        }
    }

    /// The document that was finished by it, with its bytes.
    pub const fn finished(&self) -> Option<(MaterialId, Sha256)> {
        match self {
            Self::PageRead {
                material,
                finishes: Some(sha256),
                ..
            }
            | Self::Reading {
                material,
                finishes: Some(sha256),
                ..
            } => Some((*material, *sha256)),
            _ => None,
        }
    }
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
            Deed::Reading { material, page, .. } => {
                format!("reading:{material}:{page}:{}", slot(READING_SLOT_SECONDS))
            }
        }
    }
}

/// The first and the last natural key that reading this page on this day can have, wherever the
/// student was. Between them are the readings of two days or three, however often it was read before.
pub fn page_keys(material: MaterialId, page: u32, date: NaiveDate) -> [String; 2] {
    let midnight = date.and_time(NaiveTime::MIN).and_utc();
    [-ZONE_MAX_HOURS, 24 + ZONE_MAX_HOURS].map(|hours| {
        let at = midnight + TimeDelta::hours(hours);
        let slot = at.timestamp().div_euclid(PAGE_SLOT_SECONDS);
        format!("page:{material}:{page}:{slot}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{
        Etc::GMTPlus12,
        Pacific::{Honolulu, Kiritimati},
    };

    #[test]
    fn a_pages_readings_of_one_day_lie_between_its_keys_and_those_of_other_weeks_do_not() {
        let material = MaterialId::new(Uuid::from_u128(1));
        let date: NaiveDate = "2026-03-02".parse().expect("a day");
        let [first, last] = page_keys(material, 7, date);
        let key = |zone: Tz, date: NaiveDate, time: NaiveTime| {
            let at = date.and_time(time).and_local_timezone(zone).unwrap();
            let deed = Deed::PageRead {
                material,
                page: 7,
                finishes: None,
            };
            Event::new(Uuid::nil(), at.to_utc(), zone, deed).natural_key()
        };
        let night = NaiveTime::from_hms_opt(23, 59, 59).expect("a time");
        for zone in [Tz::UTC, GMTPlus12, Kiritimati, Honolulu] {
            for time in [NaiveTime::MIN, night] {
                let key = key(zone, date, time);
                assert!(first <= key && key <= last, "{zone} {time}");
            }
        }
        for days in [-3, 3] {
            let key = key(Tz::UTC, date + TimeDelta::days(days), NaiveTime::MIN);
            assert!(key < first || last < key, "{days}");
        }
    }
}
