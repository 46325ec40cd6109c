//! What can be achieved: one table of data, and how far a student is. Pure.

use super::{figures::Day, rules};
use app::model::analytics::Achievement;
use chrono::NaiveDate;

/// What is counted towards an achievement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Questions,
    /// Documents whose bytes were never there before.
    Materials,
    /// Pages read, each once a day.
    Pages,
    /// Days of the longest streak.
    Streak,
    /// Days on which something was done at night.
    Nights,
    /// Days on which something was done early in the morning.
    Mornings,
    Level,
}

/// One row of the table.
#[derive(Debug)]
pub struct Definition {
    /// Stands in the database and in addresses of icons: never changed.
    pub id: &'static str,
    pub name: &'static str,
    pub sentence: &'static str,
    pub measure: Measure,
    /// How much of it unlocks the achievement.
    pub need: u32,
}

const fn row(
    id: &'static str,
    name: &'static str,
    sentence: &'static str,
    measure: Measure,
    need: u32,
) -> Definition {
    Definition {
        id,
        name,
        sentence,
        measure,
        need,
    }
}

/// All there are, in the order they are shown.
#[rustfmt::skip]
pub static ALL: [Definition; 13] = [
    row("first_question", "First question", "Ask the coach something.", Measure::Questions, 1),
    row("first_material", "First document", "Add a document to your library.", Measure::Materials, 1),
    row("materials_10", "Small library", "Add 10 different documents.", Measure::Materials, 10),
    row("questions_100", "Curious mind", "Ask 100 questions.", Measure::Questions, 100),
    row("streak_3", "Three in a row", "Keep a streak of 3 days.", Measure::Streak, 3),
    row("streak_7", "A whole week", "Keep a streak of 7 days.", Measure::Streak, 7),
    row("streak_30", "A whole month", "Keep a streak of 30 days.", Measure::Streak, 30),
    row("streak_100", "A hundred days", "Keep a streak of 100 days.", Measure::Streak, 100),
    row("night_owl", "Night owl", "Study between midnight and 4 in the morning on 3 days.", Measure::Nights, 3),
    row("early_bird", "Early bird", "Study between 5 and 7 in the morning on 3 days.", Measure::Mornings, 3),
    row("pages_1000", "A thousand pages", "Read 1,000 pages.", Measure::Pages, 1_000),
    row("level_5", "Level 5", "Reach level 5.", Measure::Level, 5),
    row("level_10", "Level 10", "Reach level 10.", Measure::Level, 10),
];

/// The row of an id.
pub fn find(id: &str) -> Option<&'static Definition> {
    ALL.iter().find(|definition| definition.id == id)
}

/// What a student's days add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub questions: i64,
    pub materials: i64,
    pub pages: i64,
    pub xp: i64,
    pub nights: i64,
    pub mornings: i64,
}

impl Tally {
    /// Hours from midnight to four in the morning, as bits of [`Day::active_hours`].
    pub const NIGHT: u32 = 0b1111;
    /// Hours from five to seven in the morning.
    pub const MORNING: u32 = 0b110_0000;

    /// The tally of these days.
    pub fn of<'a>(days: impl IntoIterator<Item = &'a Day>) -> Self {
        let mut tally = Self::default();
        days.into_iter().for_each(|day| tally.add(day, 1));
        tally
    }

    /// Adds a day so many times; -1 takes it out again.
    pub fn add(&mut self, day: &Day, times: i64) {
        self.questions += times * i64::from(day.questions);
        self.materials += times * i64::from(day.materials_added);
        self.pages += times * i64::from(day.pages_read);
        self.xp += times * i64::from(day.xp);
        self.nights += times * i64::from(day.active_hours & Self::NIGHT != 0);
        self.mornings += times * i64::from(day.active_hours & Self::MORNING != 0);
    }

    /// How much there is of what is measured.
    pub fn reached(&self, measure: Measure, longest_streak: u32) -> u32 {
        let count = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
        match measure {
            Measure::Questions => count(self.questions),
            Measure::Materials => count(self.materials),
            Measure::Pages => count(self.pages),
            Measure::Streak => longest_streak,
            Measure::Nights => count(self.nights),
            Measure::Mornings => count(self.mornings),
            Measure::Level => rules::level(count(self.xp)),
        }
    }
}

/// The table as a page shows it; `unlocked` holds ids with their dates.
pub fn shown(
    unlocked: &[(String, NaiveDate)],
    tally: &Tally,
    longest_streak: u32,
) -> Vec<Achievement> {
    ALL.iter()
        .map(|definition| {
            let unlocked_on = unlocked
                .iter()
                .find_map(|(id, date)| (id == definition.id).then_some(*date));
            let have = match unlocked_on {
                Some(_) => definition.need,
                None => tally.reached(definition.measure, longest_streak),
            };
            Achievement {
                id: definition.id.to_owned(),
                name: definition.name.to_owned(),
                sentence: definition.sentence.to_owned(),
                unlocked_on,
                have: have.min(definition.need),
                need: definition.need,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_achievement_has_an_id_of_its_own() {
        let ids: BTreeSet<_> = ALL.iter().map(|definition| definition.id).collect();
        assert_eq!(ids.len(), ALL.len());
        assert!(ALL.iter().all(|definition| definition.need > 0));
    }

    #[test]
    fn every_achievement_has_a_badge() {
        for definition in &ALL {
            let badge = app::badges::markup(definition.id);
            assert!(!badge.is_empty(), "{}", definition.id);
        }
    }

    #[test]
    fn nights_end_at_four_and_mornings_last_from_five_to_seven() {
        let at = |hour: u32| Day {
            active_hours: 1 << hour,
            ..Day::default()
        };
        let counted = |hour| {
            let tally = Tally::of([&at(hour)]);
            (tally.nights, tally.mornings)
        };
        assert_eq!(
            [0, 3, 4, 5, 6, 7, 23].map(counted),
            [(1, 0), (1, 0), (0, 0), (0, 1), (0, 1), (0, 0), (0, 0)]
        );
    }

    #[test]
    fn what_is_unlocked_stays_whole_and_what_is_not_says_how_far_it_is() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let unlocked = [("materials_10".to_owned(), date)];
        let tally = Tally {
            materials: 4,
            questions: 250,
            ..Tally::default()
        };
        let shown = shown(&unlocked, &tally, 2);
        let of = |id: &str| shown.iter().find(|one| one.id == id).unwrap();
        assert_eq!(
            (of("materials_10").have, of("materials_10").unlocked_on),
            (10, Some(date))
        );
        assert_eq!((of("questions_100").have, of("streak_3").have), (100, 2));
        assert_eq!(of("level_5").have, 1);
    }
}
