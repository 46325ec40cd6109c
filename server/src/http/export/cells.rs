//! Lines as CSV that a spreadsheet opens without running anything in it.
//!
//! A spreadsheet takes a cell that begins like a formula for one. Every cell goes through
//! [`harmless`], whatever its column: a column that holds somebody's words later is safe from the start.

use csv::{ReaderBuilder, StringRecord, Writer};
use serde::Serialize;

/// Lines under the names of their columns, or without them. A table without lines has its names too.
///
/// # Errors
/// When a line has no flat form.
pub fn rows<T: Serialize + Default>(lines: &[T], with_head: bool) -> Result<Vec<u8>, csv::Error> {
    let mut plain = Writer::from_writer(Vec::new());
    // The names come with the first line, so one is written for their sake and left out again.
    plain.serialize(T::default())?;
    for line in lines {
        plain.serialize(line)?;
    }
    let plain = finished(plain)?;
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(&*plain);
    let mut writer = Writer::from_writer(Vec::new());
    for (at, record) in reader.records().enumerate() {
        let record = record?;
        if at > 1 || (at == 0 && with_head) {
            let cells: StringRecord = record.iter().map(harmless).collect();
            writer.write_record(&cells)?;
        }
    }
    finished(writer)
}

fn finished(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    let bytes = writer.into_inner();
    bytes.map_err(|error| csv::Error::from(error.into_error()))
}

/// A cell that no spreadsheet takes for a formula: one that would be begins with an apostrophe.
fn harmless(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    let begins_oddly = text.starts_with(['\t', '\r', '\n']);
    // Also the forms of full width, which some take for the same.
    let signs = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    if begins_oddly || text.trim_start_matches(is_space).starts_with(signs) {
        ["'", text].concat()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Serialize)]
    struct Line {
        number: u32,
        words: Option<String>,
    }

    #[test]
    fn a_cell_that_looks_like_a_formula_is_text() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t1",
            "\r1",
            "\n1",
            " =1+1",
            "\u{a0}\u{feff}=1",
            "\n \t-1",
            "＝1",
            "＋1",
            "－1",
            " ＠SUM(A1)",
        ] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["What is 1+1?", "", " two words", "1-1", "2026-03-02"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn every_cell_is_made_harmless_and_every_table_has_its_names() {
        let text = |lines: &[Line], with_head| {
            String::from_utf8(rows(lines, with_head).expect("flat")).expect("text")
        };
        assert_eq!(text(&[], true), "number,words\n");
        assert_eq!(text(&[], false), "");
        let line = |words: &str| Line {
            number: 7,
            words: Some(words.to_owned()),
        };
        let lines = [line("=1\n,\"2\""), line(" +1")];
        assert_eq!(
            text(&lines, true),
            "number,words\n7,\"'=1\n,\"\"2\"\"\"\n7,' +1\n"
        );
        assert_eq!(text(&lines[1..], false), "7,' +1\n");
    }
}
