//! Quotes as Markdown: one block quote each, followed by its number.

use super::select::Quote;

/// About how many characters are streamed at once: a few words.
const PIECE_CHARS: usize = 24;

/// The whole answer.
pub fn answer(quotes: &[Quote]) -> String {
    quotes
        .iter()
        .map(|quote| format!("> {} [{}]", escape(&quote.text), quote.number))
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// The answer in small pieces, cut before blanks.
pub fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut chars = 0;
    for c in text.chars() {
        if c.is_whitespace() && chars >= PIECE_CHARS {
            pieces.push(String::new());
            chars = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
        chars += 1;
    }
    pieces
}

/// One line of a document so that Markdown shows exactly its characters.
fn escape(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut escaped = String::with_capacity(line.len() + 8);
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        let inside_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
        let is_special = match c {
            '\\' | '`' | '*' | '[' | '~' => true,
            '_' => !(inside_word(before) && inside_word(after)),
            '<' => after.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(*c)),
            '&' => after.is_some_and(|c| c.is_ascii_alphanumeric() || *c == '#'),
            '#' | '+' | '-' | '>' | '=' => at == 0,
            '.' | ')' => (1..=9).contains(&at) && chars[..at].iter().all(char::is_ascii_digit),
            _ => false,
        };
        if is_special {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, TextMergeStream};

    /// What a reader sees of one escaped line inside a block quote.
    fn shown(line: &str) -> String {
        let source = format!("> {}", escape(line));
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        TextMergeStream::new(Parser::new_ext(&source, options))
            .map(|event| match event {
                Event::Start(_) | Event::End(_) => String::new(),
                Event::Text(text) => text.into_string(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_document_s_own_signs_are_shown_as_they_stand() {
        for line in [
            "# include <stdio.h> & a[1] *p = &b; snake_case _x_",
            "1. First `code` [2](http://x) ![i](y) <b>bold</b> &amp; ~~gone~~",
            "- not a list | a | b |",
            "2) also not",
            "<http://auto.link> \\n",
            "=== ===",
        ] {
            assert_eq!(shown(line), line);
        }
    }

    #[test]
    fn pieces_put_together_are_the_answer() {
        let text = "> One two three four five six seven eight nine ten. [1]\n\n> More [2]";
        let pieces = pieces(text);
        assert!(pieces.len() > 2);
        assert_eq!(pieces.concat(), text);
    }

    proptest! {
        #[test]
        fn any_line_is_shown_as_it_stands(line in "[!-~äß🫀]{1,12}( [!-~]{1,12}){0,4}") {
            prop_assert_eq!(shown(&line), line);
        }
    }
}
