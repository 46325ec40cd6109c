//! How fast pages are for those who use them: the four figures browsers agree on, and what is good.
//! Pure values; who measures them and who keeps them is not known here.

use serde::{Deserialize, Serialize};

/// A figure of one page view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vital {
    /// Largest contentful paint: when the largest part of the page was there, in milliseconds.
    Lcp,
    /// Interaction to next paint: how long the page took to show what a click or key did, in
    /// milliseconds.
    Inp,
    /// Cumulative layout shift: how much of the page moved by itself, in thousandths of the window.
    Cls,
    /// Time to first byte: when the server's answer began, in milliseconds.
    Ttfb,
}

impl Vital {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 4] = [Self::Lcp, Self::Inp, Self::Cls, Self::Ttfb];

    /// As it stands in the database and in what browsers send.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lcp => "lcp",
            Self::Inp => "inp",
            Self::Cls => "cls",
            Self::Ttfb => "ttfb",
        }
    }

    /// The figure of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vital| vital.name() == name)
    }

    /// The highest good value, and the highest that is not poor: the thresholds of
    /// <https://web.dev/articles/defining-core-web-vitals-thresholds>.
    pub const fn bounds(self) -> (u32, u32) {
        match self {
            Self::Lcp => (2_500, 4_000),
            Self::Inp => (200, 500),
            Self::Cls => (100, 250),
            Self::Ttfb => (800, 1_800),
        }
    }

    /// What to think of a value.
    pub const fn verdict(self, value: u32) -> Verdict {
        let (good, not_poor) = self.bounds();
        if value <= good {
            Verdict::Good
        } else if value <= not_poor {
            Verdict::NeedsWork
        } else {
            Verdict::Poor
        }
    }
}

/// What to think of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    NeedsWork,
    Poor,
}

/// What students' browsers measured, for the owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerformancePage {
    /// The days it covers, today included.
    pub days: u32,
    /// What was measured anywhere; every route in turn.
    pub figures: Vec<VitalFigures>,
}

/// One figure of one route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VitalFigures {
    /// The route's template.
    pub route: String,
    pub vital: Vital,
    /// Page views that had it.
    pub views: u64,
    /// Half of the views were at most this; estimated, as the next two are.
    pub p50: u32,
    /// Three of four views were at most this.
    pub p75: u32,
    /// Nineteen of twenty views were at most this.
    pub p95: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_threshold_still_belongs_to_the_better_side() {
        for vital in Vital::ALL {
            let (good, not_poor) = vital.bounds();
            assert_eq!(vital.verdict(0), Verdict::Good);
            assert_eq!(vital.verdict(good), Verdict::Good);
            assert_eq!(vital.verdict(good + 1), Verdict::NeedsWork);
            assert_eq!(vital.verdict(not_poor), Verdict::NeedsWork);
            assert_eq!(vital.verdict(not_poor + 1), Verdict::Poor);
            assert_eq!(Vital::parse(vital.name()), Some(vital));
        }
    }
}
