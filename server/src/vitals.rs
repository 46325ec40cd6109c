//! How fast the pages are for students: what their browsers measured, counted in buckets by route
//! and day. It knows routes by their templates, and neither students nor addresses.
//!
//! Bounded by construction: [`ROUTES`] times the figures times their [`edges`] times [`DAYS_KEPT`].

use crate::{
    clock::Clock,
    store::{self, Db, Stored},
};
use app::model::vitals::{PerformancePage, Vital, VitalFigures};
use chrono::{Days, NaiveDate};
use std::collections::HashMap;

/// The pages that measure themselves, by their templates; they are pages of signed-in students.
pub const ROUTES: [&str; 9] = [
    "/",
    "/library",
    "/library/:id",
    "/coach",
    "/coach/:id",
    "/analytics",
    "/settings",
    "/admin/cache",
    "/admin/performance",
];
/// Days whose counts are kept: four weeks show a change for the worse and hold every weekday alike.
pub const DAYS_KEPT: u32 = 28;

/// Upper edges of a figure's buckets, in its unit. The thresholds are among them, so that the share
/// of good views is exact; the last is the most that is believed.
pub const fn edges(vital: Vital) -> &'static [u32] {
    match vital {
        Vital::Lcp => &[
            250, 500, 750, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000, 4_000, 6_000, 10_000, 60_000,
        ],
        Vital::Inp => &[
            16, 32, 48, 64, 104, 152, 200, 304, 500, 1_000, 2_500, 60_000,
        ],
        Vital::Cls => &[1, 10, 20, 50, 100, 150, 250, 500, 1_000, 10_000],
        Vital::Ttfb => &[
            10, 25, 50, 100, 200, 400, 800, 1_200, 1_800, 3_000, 6_000, 60_000,
        ],
    }
}

/// A figure's name on `/metrics`.
pub const fn metric(vital: Vital) -> &'static str {
    match vital {
        Vital::Lcp => "web_vitals_lcp_seconds",
        Vital::Inp => "web_vitals_inp_seconds",
        Vital::Cls => "web_vitals_cls",
        Vital::Ttfb => "web_vitals_ttfb_seconds",
    }
}

/// A value as `/metrics` has it: seconds, or the share of the window that moved.
pub fn in_base_unit(value: u32) -> f64 {
    f64::from(value) / 1_000.0
}

/// The figures of one page view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageView {
    route: &'static str,
    values: Vec<(Vital, u32)>,
}

impl PageView {
    /// `None` for a route that does not measure itself, or without any figure. Values are cut to
    /// what is believed.
    pub fn parse(
        route: &str,
        values: impl IntoIterator<Item = (Vital, Option<u32>)>,
    ) -> Option<Self> {
        let route = ROUTES.into_iter().find(|known| *known == route)?;
        let values: Vec<_> = values
            .into_iter()
            .filter_map(|(vital, value)| {
                let most = *edges(vital).last()?;
                Some((vital, value?.min(most)))
            })
            .collect();
        (!values.is_empty()).then_some(Self { route, values })
    }
}

/// Counts what browsers measured.
#[derive(Clone)]
pub struct Vitals {
    db: Db,
    clock: Clock,
}

impl Vitals {
    /// Keeps the counts in `db`.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Counts a page view, here and on `/metrics`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record(&self, view: &PageView) -> Stored<()> {
        let buckets: Vec<_> = view
            .values
            .iter()
            .filter_map(|(vital, value)| Some((*vital, edge_of(*vital, *value)?)))
            .collect();
        let today = self.clock.now().date_naive();
        store::vitals::add(&self.db, today, view.route, &buckets, oldest(today)).await?;
        for (vital, value) in &view.values {
            metrics::histogram!(metric(*vital), "route" => view.route).record(in_base_unit(*value));
        }
        Ok(())
    }

    /// What was measured in the last [`DAYS_KEPT`] days.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn page(&self) -> Stored<PerformancePage> {
        let today = self.clock.now().date_naive();
        let mut counts = HashMap::<(String, String), HashMap<u32, u64>>::new();
        for bucket in store::vitals::buckets(&self.db, oldest(today)).await? {
            counts
                .entry((bucket.route, bucket.vital))
                .or_default()
                .insert(bucket.edge, bucket.views);
        }
        let every = ROUTES
            .iter()
            .flat_map(|route| Vital::ALL.map(|vital| (*route, vital)));
        let figures = every.filter_map(|(route, vital)| {
            let counts = counts.get(&(route.to_owned(), vital.name().to_owned()))?;
            let counts: Vec<_> = edges(vital)
                .iter()
                .map(|edge| (*edge, counts.get(edge).copied().unwrap_or(0)))
                .collect();
            Some(VitalFigures {
                route: route.to_owned(),
                vital,
                views: counts.iter().map(|(_, views)| views).sum(),
                p50: quantile(&counts, 0.5),
                p75: quantile(&counts, 0.75),
                p95: quantile(&counts, 0.95),
            })
        });
        Ok(PerformancePage {
            days: DAYS_KEPT,
            figures: figures.collect(),
        })
    }
}

/// The first of the days that are kept.
fn oldest(today: NaiveDate) -> NaiveDate {
    today
        .checked_sub_days(Days::new(u64::from(DAYS_KEPT) - 1))
        .unwrap_or(today)
}

/// The upper edge of the bucket a value falls into.
fn edge_of(vital: Vital, value: u32) -> Option<u32> {
    edges(vital).iter().copied().find(|edge| value <= *edge)
}

/// The value that `share` of the views do not exceed: as if those in a bucket were spread evenly.
fn quantile(buckets: &[(u32, u64)], share: f64) -> u32 {
    let views: u64 = buckets.iter().map(|(_, views)| views).sum();
    let rank = share * views as f64;
    let (mut before, mut lower) = (0.0, 0.0);
    for (edge, views) in buckets {
        let (upper, views) = (f64::from(*edge), *views as f64);
        if views > 0.0 && before + views >= rank {
            let value: f64 = lower + (upper - lower) * (rank - before) / views;
            return value.round() as u32;
        }
        before += views;
        lower = upper;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use std::sync::{Arc, Mutex};

    fn view(route: &str, lcp: u32) -> PageView {
        PageView::parse(route, [(Vital::Lcp, Some(lcp))]).unwrap()
    }

    #[test]
    fn every_page_of_a_student_measures_itself_under_its_own_template() {
        let mut templates: Vec<_> = leptos_axum::generate_route_list(app::erased)
            .iter()
            .map(|listing| match listing.path().split_once('{') {
                Some((start, _)) => format!("{start}:id"),
                None => listing.path().to_owned(),
            })
            .filter(|path| path != "/login" && path != "/signup")
            .collect();
        let mut known = ROUTES.map(str::to_owned).to_vec();
        templates.sort();
        known.sort();
        assert_eq!(templates, known);
    }

    #[test]
    fn the_edges_rise_and_hold_the_thresholds() {
        for vital in Vital::ALL {
            let edges = edges(vital);
            assert!(edges.is_sorted_by(|one, next| one < next), "{vital:?}");
            let (good, not_poor) = vital.bounds();
            assert!(edges.contains(&good) && edges.contains(&not_poor));
        }
    }

    #[test]
    fn an_address_is_no_route_and_a_wild_value_is_cut() {
        let lcp = |value| [(Vital::Lcp, value)];
        for route in ["/library/01900000-0000-7000-8000-000000000000", "/x", ""] {
            assert_eq!(PageView::parse(route, lcp(Some(1))), None, "{route}");
        }
        assert_eq!(PageView::parse("/", lcp(None)), None);
        let wild = PageView::parse("/", lcp(Some(u32::MAX))).unwrap();
        assert_eq!(wild.values, [(Vital::Lcp, 60_000)]);
    }

    #[test]
    fn a_quantile_lies_within_the_bucket_of_its_view() {
        let buckets = [(250, 50), (500, 30), (750, 20), (1_000, 0)];
        assert_eq!(quantile(&buckets, 0.25), 125);
        assert_eq!(quantile(&buckets, 0.5), 250);
        assert_eq!(quantile(&buckets, 0.75), 458);
        assert_eq!(quantile(&buckets, 0.95), 688);
        assert_eq!(quantile(&[(250, 0), (500, 1)], 0.5), 375);
        assert_eq!(quantile(&[], 0.5), 0);
    }

    #[tokio::test]
    async fn counts_add_up_by_route_and_go_when_their_days_are_past() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db.sqlite")).await.unwrap();
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let now = Arc::new(Mutex::new(now));
        let shown = Arc::clone(&now);
        let vitals = Vitals::new(db, Clock::driven_by(move || *shown.lock().unwrap()));
        assert!(vitals.page().await.unwrap().figures.is_empty());
        for lcp in [300, 400, 90_000] {
            let lcp = view("/library/:id", lcp);
            vitals.record(&lcp).await.unwrap();
        }
        vitals.record(&view("/", 100)).await.unwrap();
        let figures = vitals.page().await.unwrap().figures;
        let shown: Vec<_> = figures
            .iter()
            .map(|one| (one.route.as_str(), one.views, one.p50))
            .collect();
        assert_eq!(shown, [("/", 1, 125), ("/library/:id", 3, 438)]);

        let later = |days| *now.lock().unwrap() += chrono::TimeDelta::days(days);
        later(i64::from(DAYS_KEPT) - 1);
        assert_eq!(vitals.page().await.unwrap().figures.len(), 2);
        later(1);
        assert!(vitals.page().await.unwrap().figures.is_empty());
        vitals.record(&view("/", 100)).await.unwrap();
        let far_back = store::vitals::buckets(&vitals.db, NaiveDate::MIN).await;
        assert_eq!(far_back.unwrap().len(), 1);
    }
}
