//! Short labels made from values. By hand and in English: a formatting crate would weigh more in
//! the browser than the rest of a page.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `22 Nov 2026`.
pub fn date(date: NaiveDate) -> String {
    let month = MONTHS[date.month0() as usize % MONTHS.len()];
    [&date.day().to_string(), month, &date.year().to_string()].join(" ")
}

/// `22 Nov`.
pub fn short_date(date: NaiveDate) -> String {
    let month = MONTHS[date.month0() as usize % MONTHS.len()];
    [&date.day().to_string(), " ", month].concat()
}

/// `09:00`; `hour` counts from midnight.
pub fn hour(hour: usize) -> String {
    let zero = if hour < 10 { "0" } else { "" };
    [zero, &hour.to_string(), ":00"].concat()
}

/// The day of a moment, in UTC so that server and browser write the same.
pub fn day(moment: DateTime<Utc>) -> String {
    date(moment.date_naive())
}

/// `640 bytes`, `12 KB`, `3.4 MB`: 1 KB is 1,024 bytes.
pub fn size(bytes: u64) -> String {
    const KB: u64 = 1024;
    const MB: u64 = KB * KB;
    if bytes < KB {
        count(bytes, "byte")
    } else if bytes < MB {
        (bytes / KB).to_string() + " KB"
    } else if bytes < 10 * MB {
        let tenths = bytes * 10 / MB;
        [
            &(tenths / 10).to_string(),
            ".",
            &(tenths % 10).to_string(),
            " MB",
        ]
        .concat()
    } else {
        (bytes / MB).to_string() + " MB"
    }
}

/// `1 page`, `12 pages`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    [&number.to_string(), " ", noun, plural].concat()
}

/// `, 14 pages a second, about 6 s left`; what is not known is left out.
pub fn pace(pages_per_second: f64, remaining_seconds: Option<u32>) -> String {
    let mut words = String::new();
    if pages_per_second >= 1.0 {
        words += ", ";
        words += &count(pages_per_second as u64, "page");
        words += " a second";
    } else if pages_per_second > 0.0 {
        words += ", one page in ";
        words += &duration((1.0 / pages_per_second).min(86_400.0) as u32);
    }
    if let Some(seconds) = remaining_seconds {
        words += ", about ";
        words += &duration(seconds.max(1));
        words += " left";
    }
    words
}

/// `45 s`, `3 min`, `2 h`, rounded up.
pub fn duration(seconds: u32) -> String {
    if seconds <= 90 {
        seconds.to_string() + " s"
    } else if seconds <= 90 * 60 {
        seconds.div_ceil(60).to_string() + " min"
    } else {
        seconds.div_ceil(3_600).to_string() + " h"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_never_rounded_up() {
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1024), "1 KB");
        assert_eq!(size(1024 * 1024 * 3 / 2), "1.5 MB");
        assert_eq!(size(50 * 1024 * 1024), "50 MB");
    }

    #[test]
    fn a_pace_says_what_is_known() {
        assert_eq!(pace(14.7, Some(6)), ", 14 pages a second, about 6 s left");
        assert_eq!(pace(0.25, None), ", one page in 4 s");
        assert_eq!(pace(0.0, Some(0)), ", about 1 s left");
        assert_eq!(duration(91), "2 min");
        assert_eq!(duration(3 * 3_600), "3 h");
    }

    #[test]
    fn dates_name_the_month() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
        assert_eq!(date(day), "2 Nov 2026");
    }
}
