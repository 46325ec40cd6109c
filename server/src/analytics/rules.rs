//! What activities are worth: XP and levels. Pure arithmetic; the only place these numbers stand.

/// For a question, up to [`QUESTIONS_REWARDED_A_DAY`] of them.
pub const XP_QUESTION: u32 = 5;
/// Questions of one local day that are worth XP.
pub const QUESTIONS_REWARDED_A_DAY: u32 = 20;
/// For a document whose bytes were never added before.
pub const XP_NEW_MATERIAL: u32 = 50;
/// For having had every page of a document on screen.
pub const XP_FINISHED_MATERIAL: u32 = 50;
/// For the first activity of a local day.
pub const XP_FIRST_OF_DAY: u32 = 10;
/// For every [`STREAK_REWARD_EVERY`]th day of a streak.
pub const XP_STREAK: u32 = 25;
/// Days of a streak between two rewards.
pub const STREAK_REWARD_EVERY: usize = 7;

/// Study time that makes a day count for the streak, in seconds.
pub const STREAK_DAY_SECONDS: u32 = 5 * 60;
/// Questions that make a day count for the streak.
pub const STREAK_DAY_QUESTIONS: u32 = 3;

/// The XP at which a level begins: 0, 100, 300, 600, 1,000 ...
pub const fn level_starts_at(level: u32) -> u32 {
    let level = level as u64;
    let xp = 50 * level * level.saturating_sub(1);
    if xp > u32::MAX as u64 {
        u32::MAX
    } else {
        xp as u32
    }
}

/// The level, from 1, that so much XP makes.
pub fn level(xp: u32) -> u32 {
    // The root of 50*L*(L-1) = xp, in integers so that no rounding can put a student a level off.
    let root = (u64::from(xp) * 4 / 50 + 1).isqrt();
    u32::try_from(root.div_ceil(2).max(1)).map_or(u32::MAX, |guess| {
        let mut level = guess;
        while level > 1 && level_starts_at(level) > xp {
            level -= 1;
        }
        while level_starts_at(level + 1) <= xp && level_starts_at(level + 1) < u32::MAX {
            level += 1;
        }
        level
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_begin_at_the_sums_of_hundreds() {
        let starts: Vec<u32> = (1..=6).map(level_starts_at).collect();
        assert_eq!(starts, [0, 100, 300, 600, 1_000, 1_500]);
    }

    #[test]
    fn a_level_is_reached_at_its_very_number_of_xp() {
        for (xp, expected) in [
            (0, 1),
            (99, 1),
            (100, 2),
            (299, 2),
            (300, 3),
            (599, 3),
            (600, 4),
            (1_000, 5),
        ] {
            assert_eq!(level(xp), expected, "{xp} XP");
        }
    }

    proptest! {
        #[test]
        fn xp_lies_between_its_level_and_the_next(xp in 0_u32..2_000_000_000) {
            let level = level(xp);
            prop_assert!(level_starts_at(level) <= xp);
            prop_assert!(xp < level_starts_at(level + 1));
        }
    }
}
