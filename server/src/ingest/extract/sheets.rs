//! XLSX: sheets as sections, their rows as lines. Shows values as they were stored, dates as dates;
//! knows nothing of formulas, charts and colours.

use super::{
    Failure, PageWriter, Stop,
    archive::{Archive, Relations},
    flow::Flow,
    xml::{self, Element, Token},
};
use chrono::{Days, NaiveDate, TimeDelta};

const WORKBOOK: &str = "xl/workbook.xml";
/// Rows read of a whole workbook: more is data for a program, not for a reader.
const ROWS_MAX: usize = 200_000;
/// Columns read of a row.
const COLUMNS_MAX: usize = 200;

/// Writes the workbook's pages and answers how many there are.
pub fn read(bytes: Vec<u8>, out: &mut PageWriter) -> Result<u32, Stop> {
    let mut archive = Archive::open(bytes)?;
    let Relations { by_id, .. } = archive.relations(WORKBOOK)?;
    let mut sheets: Vec<(String, String)> = Vec::new();
    let mut from_1904 = false;
    xml::walk(&archive.require(WORKBOOK)?, &mut |token| {
        if let Token::Open(element) = token {
            match element.name {
                "sheet" => {
                    let part = element
                        .attribute("id")
                        .and_then(|id| by_id.get(&id).cloned());
                    sheets.extend(element.attribute("name").zip(part));
                }
                "workbookPr" => from_1904 = is_true(element.attribute("date1904").as_deref()),
                _ => {}
            }
        }
        Ok(())
    })?;
    let texts = match archive.read("xl/sharedStrings.xml")? {
        Some(xml) => shared_texts(&xml)?,
        None => Vec::new(),
    };
    let dates = match archive.read("xl/styles.xml")? {
        Some(xml) => date_styles(&xml)?,
        None => Vec::new(),
    };
    let mut sheet = Sheet {
        texts: &texts,
        dates: &dates,
        from_1904,
        flow: Flow::default(),
        rows: 0,
        cells: Vec::new(),
        cell: Cell::default(),
        collecting: false,
    };
    for (name, part) in sheets {
        let Some(xml) = archive.read(&part)? else {
            continue;
        };
        sheet.flow.end_page()?;
        sheet.flow.heading(1, &name)?;
        xml::walk(&xml, &mut |token| sheet.token(token))?;
    }
    if sheet.rows == 0 {
        return Err(Failure::empty().into());
    }
    sheet.flow.finish(out)
}

/// The texts cells point at, by their number.
fn shared_texts(xml: &[u8]) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    let mut text = String::new();
    let mut in_text = false;
    // How a word is pronounced in Japanese is not part of it.
    let mut in_reading = false;
    xml::walk(xml, &mut |token| {
        match token {
            Token::Open(element) if element.name == "rPh" => in_reading = true,
            Token::Close("rPh") => in_reading = false,
            Token::Open(element) if element.name == "t" => in_text = !in_reading,
            Token::Close("t") => in_text = false,
            Token::Text(part) if in_text => text.push_str(&part),
            Token::Close("si") => texts.push(std::mem::take(&mut text)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(texts)
}

/// For each cell style, whether it shows a number as a date or time.
fn date_styles(xml: &[u8]) -> Result<Vec<bool>, Failure> {
    let mut own = std::collections::HashMap::new();
    let mut styles = Vec::new();
    let mut in_cell_styles = false;
    xml::walk(xml, &mut |token| {
        match token {
            Token::Open(element) if element.name == "numFmt" => {
                let id = element.attribute("numFmtId").unwrap_or_default();
                let code = element.attribute("formatCode").unwrap_or_default();
                own.insert(id, shows_date(&code));
            }
            Token::Open(element) if element.name == "cellXfs" => in_cell_styles = true,
            Token::Close("cellXfs") => in_cell_styles = false,
            Token::Open(element) if in_cell_styles && element.name == "xf" => {
                let id = element.attribute("numFmtId").unwrap_or_default();
                // The formats every program knows without being told.
                let known = matches!(id.parse(), Ok(14_u32..=22 | 27..=36 | 45..=47 | 50..=58));
                styles.push(own.get(&id).copied().unwrap_or(known));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(styles)
}

/// Whether a number format has years, days or hours outside of quotes and brackets.
fn shows_date(code: &str) -> bool {
    let mut quoted = false;
    let mut bracketed = false;
    let mut escaped = false;
    code.chars().any(|c| {
        let plain = !quoted && !bracketed && !std::mem::take(&mut escaped);
        match c {
            '"' => quoted = !quoted,
            '[' => bracketed = true,
            ']' => bracketed = false,
            '\\' => escaped = true,
            _ => {}
        }
        plain && matches!(c.to_ascii_lowercase(), 'y' | 'd' | 'h' | 's')
    })
}

#[derive(Default)]
struct Cell {
    column: usize,
    kind: String,
    style: usize,
    value: String,
}

struct Sheet<'a> {
    texts: &'a [String],
    dates: &'a [bool],
    from_1904: bool,
    flow: Flow,
    /// Rows with text, of all sheets.
    rows: usize,
    cells: Vec<String>,
    cell: Cell,
    collecting: bool,
}

impl Sheet<'_> {
    fn token(&mut self, token: Token<'_>) -> Result<(), Failure> {
        match token {
            Token::Open(element) => self.open(&element),
            Token::Text(text) if self.collecting => self.cell.value.push_str(&text),
            Token::Text(_) => {}
            Token::Close("v" | "t") => self.collecting = false,
            Token::Close("c") => {
                let shown = self.shown();
                if self.cell.column < COLUMNS_MAX && !shown.is_empty() {
                    self.cells.resize(self.cell.column, String::new());
                    self.cells.push(shown);
                }
            }
            Token::Close("row") => {
                let cells = std::mem::take(&mut self.cells);
                if !cells.is_empty() {
                    self.rows += 1;
                    if self.rows > ROWS_MAX {
                        return Err(Failure::too_much_text());
                    }
                    self.flow.row(&cells)?;
                }
            }
            Token::Close(_) => {}
        }
        Ok(())
    }

    fn open(&mut self, element: &Element<'_>) {
        match element.name {
            "row" => self.cells.clear(),
            "c" => {
                let place = element.attribute("r");
                let next = self.cells.len();
                self.cell = Cell {
                    // Columns come in order; one that claims otherwise is put behind the last.
                    column: place.map_or(next, |place| column(&place).max(next)),
                    kind: element.attribute("t").unwrap_or_default(),
                    style: element
                        .attribute("s")
                        .and_then(|style| style.parse().ok())
                        .unwrap_or_default(),
                    value: String::new(),
                };
            }
            "v" | "t" => self.collecting = true,
            _ => {}
        }
    }

    /// What the cell shows.
    fn shown(&self) -> String {
        let value = self.cell.value.trim();
        match self.cell.kind.as_str() {
            "s" => {
                let index: Option<usize> = value.parse().ok();
                index
                    .and_then(|index| self.texts.get(index))
                    .cloned()
                    .unwrap_or_default()
            }
            "b" => if value == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "" | "n" => {
                let is_date = self.dates.get(self.cell.style).copied().unwrap_or_default();
                let date = value
                    .parse()
                    .ok()
                    .filter(|_| is_date)
                    .and_then(|days| date(days, self.from_1904));
                date.unwrap_or_else(|| number(value))
            }
            _ => value.to_owned(),
        }
    }
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true"))
}

/// `C7` is in column 2.
fn column(place: &str) -> usize {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(3);
    let number = letters.fold(0, |sum, letter| {
        sum * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    number.saturating_sub(1)
}

/// A number without the noise of its binary form: 0.30000000000000004 was typed as 0.3.
fn number(value: &str) -> String {
    /// Digits a spreadsheet keeps of a number.
    const DIGITS: i32 = 15;
    let Ok(parsed) = value.parse::<f64>() else {
        return value.to_owned();
    };
    if !parsed.is_finite() || parsed == 0.0 || parsed.abs() >= 1e15 {
        return value.to_owned();
    }
    #[allow(clippy::cast_possible_truncation)]
    let magnitude = parsed.abs().log10().floor() as i32;
    let decimals = usize::try_from(DIGITS - 1 - magnitude)
        .unwrap_or_default()
        .min(30);
    let fixed = format!("{parsed:.decimals$}");
    if fixed.contains('.') {
        fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        fixed
    }
}

/// The day a spreadsheet counts as `days`, with its time if it has one.
fn date(days: f64, from_1904: bool) -> Option<String> {
    const SECONDS_A_DAY: f64 = 86_400.0;
    if !(0.0..3_000_000.0).contains(&days) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let (whole, seconds) = (
        days.floor() as u64,
        (days.fract() * SECONDS_A_DAY).round() as i64,
    );
    let time = chrono::NaiveTime::MIN + TimeDelta::seconds(seconds);
    if whole == 0 {
        return Some(time.format("%H:%M").to_string());
    }
    // Lotus 1-2-3 took 1900 for a leap year, and Excel still does.
    let first = match from_1904 {
        true => NaiveDate::from_ymd_opt(1904, 1, 1)?,
        false if whole < 60 => NaiveDate::from_ymd_opt(1899, 12, 31)?,
        false => NaiveDate::from_ymd_opt(1899, 12, 30)?,
    };
    let day = first.checked_add_days(Days::new(whole))?;
    Some(match seconds {
        0 => day.format("%Y-%m-%d").to_string(),
        _ => format!("{} {}", day.format("%Y-%m-%d"), time.format("%H:%M")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_shown_as_they_were_typed() {
        assert_eq!(number("0.30000000000000004"), "0.3");
        assert_eq!(number("72"), "72");
        assert_eq!(number("1234567.25"), "1234567.25");
        assert_eq!(number("n/a"), "n/a");
        assert_eq!(date(45_000.0, false).unwrap(), "2023-03-15");
        assert_eq!(date(45_000.5, false).unwrap(), "2023-03-15 12:00");
        assert_eq!(date(0.25, false).unwrap(), "06:00");
        assert_eq!(date(1.0, false).unwrap(), "1900-01-01");
    }

    #[test]
    fn formats_of_dates_are_told_from_those_of_numbers() {
        assert!(shows_date("dd/mm/yyyy"));
        assert!(shows_date("[$-409]h:mm AM/PM"));
        assert!(!shows_date("#,##0.00 \"days\""));
        assert!(!shows_date("[Red]0.0"));
    }

    #[test]
    fn columns_are_counted_from_their_letters() {
        assert_eq!(column("A1"), 0);
        assert_eq!(column("AB12"), 27);
        assert_eq!(column("7"), 0);
    }
}
