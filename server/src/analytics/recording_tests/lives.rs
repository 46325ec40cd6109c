//! Random lives: single steps and stretches of them that reach the rules, which single steps seldom do.

use super::*;
use proptest::strategy::Union;

/// A pause in seconds, then something done. A pause below zero is a clock that is set back.
pub type Life<Step> = Vec<(i64, Step)>;

/// The zones of the lives, all with nights on which clocks change but Kolkata.
pub fn zones() -> impl Strategy<Value = Tz> {
    prop_oneof![
        Just(Tz::Europe__Berlin),
        Just(Tz::America__New_York),
        Just(Tz::Asia__Kolkata),
        Just(Tz::Pacific__Auckland),
    ]
}

/// Shortly before the days on which clocks change in one of the zones, forward and back, and shortly
/// before those end; then a plain day and a fraction of a second.
pub fn starts() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        // Berlin's 29 March and 25 October.
        "2026-03-28T21:50:00Z",
        "2026-03-29T20:50:00Z",
        "2026-10-24T20:50:00Z",
        "2026-10-25T21:50:00Z",
        // New York's 8 March and 1 November.
        "2026-03-08T03:50:00Z",
        "2026-03-09T02:50:00Z",
        "2026-11-01T02:50:00Z",
        "2026-11-02T03:50:00Z",
        // Auckland's 5 April and 27 September.
        "2026-04-04T09:50:00Z",
        "2026-04-05T10:50:00Z",
        "2026-09-26T10:50:00Z",
        "2026-09-27T09:50:00Z",
        // Kolkata's midnight.
        "2026-05-05T18:20:00Z",
        "2026-06-01T12:00:30.5Z",
    ])
}

/// Pauses within a session, near its end, over hours and days, and clocks set back.
pub fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 0_i64..120,
        6 => 120_i64..1_000,
        3 => 1_000_i64..100_000,
        1 => -1_500_i64..0,
        1 => -20_000_i64..0,
    ]
}

/// A life of single steps, bursts of questions beyond those that are worth XP, days in a row that count
/// for the streak (now and then without one), and documents that are `finished`.
pub fn lives<Step: Clone + std::fmt::Debug + 'static>(
    step: BoxedStrategy<Step>,
    ask: Step,
    finished: BoxedStrategy<Vec<Step>>,
) -> impl Strategy<Value = Life<Step>> {
    let of = |pause: i64, steps: Vec<Step>| -> Life<Step> {
        steps.into_iter().map(|step| (pause, step)).collect()
    };
    let one = (pauses(), step).prop_map(|one| vec![one]).boxed();
    let asked = ask.clone();
    let burst = Just(of(3, vec![asked; 25])).boxed();
    let days = proptest::collection::vec(proptest::bool::weighted(0.9), 3..12)
        .prop_map(move |days| {
            let mut row = Life::new();
            let mut pause = 43_200;
            for counts in days {
                if counts {
                    row.push((pause, ask.clone()));
                    row.extend([(5, ask.clone()), (5, ask.clone())]);
                    pause = 0;
                }
                pause += 86_390;
            }
            row
        })
        .boxed();
    let finished = finished.prop_map(move |steps| of(61, steps)).boxed();
    let piece = Union::new_weighted(vec![(20, one), (1, burst), (1, days), (2, finished)]);
    proptest::collection::vec(piece, 1..25).prop_map(|pieces| pieces.concat())
}
