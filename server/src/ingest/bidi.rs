//! Right-to-left scripts. A page is seen from left to right; [`marked`] writes a line of it down in
//! sections with direction marks around them, which loses nothing of how it was seen (and is how
//! other tools write such text); [`unmarked`] makes of it the line as it is read.

/// What follows runs from right to left, until [`END`].
const RTL: char = '\u{202b}';
/// What follows runs from left to right, until [`END`].
const LTR: char = '\u{202a}';
const END: char = '\u{202c}';

/// Whether most of the letters belong to a script written from right to left.
pub fn is_mostly_rtl<'a>(words: impl Iterator<Item = &'a str>) -> bool {
    let (mut rtl, mut letters) = (0_usize, 0_usize);
    for c in words.flat_map(str::chars) {
        rtl += usize::from(is_rtl(c));
        letters += usize::from(c.is_alphabetic());
    }
    rtl * 2 > letters
}

/// Hebrew, Arabic and their relatives, with their marks and presentation forms.
const fn is_rtl(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{65f}' | '\u{66a}'..='\u{6ef}' | '\u{6fa}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Letters and digits that run from left to right even inside a right-to-left line.
fn is_ltr(c: char) -> bool {
    c.is_alphanumeric() && !is_rtl(c)
}

/// Characters that set directions; only this module's own may reach [`unmarked`].
pub const fn is_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A line written down in sections, from the line as it is seen; `rtl` when most of its page runs
/// from right to left.
pub fn marked(seen: &str, rtl: bool) -> String {
    if !rtl && !seen.chars().any(is_rtl) {
        return seen.to_owned();
    }
    let seen: Vec<char> = seen.chars().collect();
    // Signs of numbers go with what runs from left to right, other signs with either.
    let numeric = |c: char| matches!(c, '#' | '$' | '%' | '+' | ',' | '-' | '.' | '/' | ':' | '°');
    let ends_rtl = |c: char| is_ltr(c) || numeric(c);
    let mut text = String::with_capacity(seen.len() * 2);
    if rtl {
        text.push(RTL);
        let mut end = seen.len();
        while end > 0 {
            let start = seen[..end]
                .iter()
                .rposition(|&c| ends_rtl(c))
                .map_or(0, |at| at + 1);
            text.extend(seen[start..end].iter().rev());
            end = start;
            let start = seen[..end]
                .iter()
                .rposition(|&c| is_rtl(c))
                .map_or(0, |at| at + 1);
            if start < end {
                text.push(LTR);
                text.extend(&seen[start..end]);
                text.push(END);
                end = start;
            }
        }
        text.push(END);
        return text;
    }
    let mut start = 0;
    while start < seen.len() {
        let length = |found: Option<usize>| found.unwrap_or(seen.len() - start);
        let end = start + length(seen[start..].iter().position(|&c| is_rtl(c)));
        text.extend(&seen[start..end]);
        start = end;
        let length = |found: Option<usize>| found.unwrap_or(seen.len() - start);
        let end = start + length(seen[start..].iter().position(|&c| ends_rtl(c)));
        if start < end {
            text.push(RTL);
            text.extend(seen[start..end].iter().rev());
            text.push(END);
            start = end;
        }
    }
    text
}

/// A text as it is read, from lines that [`marked`] has written; other text stays as it is.
pub fn unmarked(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(RTL) {
        return text.into();
    }
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| match line.contains(RTL) {
            true => read_order(&seen(line)),
            false => line.to_owned(),
        })
        .collect();
    lines.join("\n").into()
}

/// A marked line as it is seen.
fn seen(line: &str) -> String {
    let mut sections: Vec<String> = vec![String::new()];
    let mut rtl = vec![false];
    let whole = is_one_section(line);
    for c in line.chars() {
        match c {
            RTL | LTR | END => {
                let inside = (c == RTL) || (whole && c == END);
                sections.push(String::new());
                rtl.push(inside);
            }
            c => {
                if let Some(section) = sections.last_mut() {
                    section.push(c);
                }
            }
        }
    }
    let turned = sections
        .into_iter()
        .zip(rtl)
        .map(|(section, rtl)| match rtl {
            true => section.chars().rev().collect(),
            false => section,
        });
    let turned: Vec<String> = turned.collect();
    match whole {
        true => turned.into_iter().rev().collect(),
        false => turned.concat(),
    }
}

/// Whether the line's first mark ends with the line.
fn is_one_section(line: &str) -> bool {
    let mut depth = 0_u32;
    let mut open_to_the_end = line.starts_with(RTL);
    for (at, c) in line.char_indices() {
        match c {
            RTL | LTR => depth += 1,
            END => {
                depth = depth.saturating_sub(1);
                open_to_the_end &= depth > 0 || at + c.len_utf8() == line.len();
            }
            _ => {}
        }
    }
    open_to_the_end
}

/// A line as it is read, from the line as it is seen from left to right.
fn read_order(seen: &str) -> String {
    /// A line with this many times more left-to-right letters is a left-to-right line that quotes.
    const QUOTING: usize = 3;
    let rtl = seen.chars().filter(|&c| is_rtl(c)).count();
    if rtl == 0 {
        return seen.to_owned();
    }
    let ltr = seen.chars().filter(|&c| is_ltr(c)).count();
    let seen: Vec<char> = seen.chars().collect();
    if rtl * QUOTING < ltr {
        within_ltr(&seen)
    } else {
        within_rtl(&seen)
    }
}

/// From the right end to the left, except for the runs that read the other way.
fn within_rtl(seen: &[char]) -> String {
    let mut read = String::with_capacity(seen.len() * 2);
    let mut end = seen.len();
    while end > 0 {
        if !is_ltr(seen[end - 1]) && !ends_number(&seen[..end]) {
            end -= 1;
            read.push(mirrored(seen[end]));
            continue;
        }
        // A run goes on over signs, and over spaces behind a letter: two numbers are two runs.
        let mut start = end - 1;
        let mut look = end - 1;
        let mut space = false;
        while look > 0 && !is_rtl(seen[look - 1]) {
            look -= 1;
            space |= seen[look].is_whitespace();
            if is_ltr(seen[look]) {
                if space && seen[look].is_numeric() {
                    break;
                }
                space = false;
                start = look;
            }
        }
        read.extend(&seen[start..end]);
        end = start;
    }
    read
}

/// Whether a number's own sign ends this: it stays behind its number.
fn ends_number(seen: &[char]) -> bool {
    matches!(seen, [.., digit, '%' | '‰' | '°' | '€' | '$' | '£'] if digit.is_numeric())
}

/// As seen, except for the right-to-left runs.
fn within_ltr(seen: &[char]) -> String {
    let mut read = String::with_capacity(seen.len() * 2);
    let mut start = 0;
    while start < seen.len() {
        if !is_rtl(seen[start]) {
            read.push(seen[start]);
            start += 1;
            continue;
        }
        let mut end = start + 1;
        let mut look = end;
        while look < seen.len() && !is_ltr(seen[look]) {
            look += 1;
            if is_rtl(seen[look - 1]) {
                end = look;
            }
        }
        read.extend(seen[start..end].iter().rev().map(|&c| mirrored(c)));
        start = end;
    }
    read
}

/// An opening bracket looks like a closing one when the line runs the other way.
const fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_to_left_line_is_turned_round_but_its_numbers_and_names_are_not() {
        assert_eq!(read_order("םולש"), "שלום");
        assert_eq!(read_order("(HTTP 1.1) םולש"), "שלום (HTTP 1.1)");
        assert_eq!(read_order("םולש 12.5% ,1"), "1, 12.5% שלום");
    }

    #[test]
    fn a_quoted_word_is_turned_round_inside_its_line() {
        assert_eq!(
            read_order("the word םולש means peace"),
            "the word שלום means peace"
        );
    }

    #[test]
    fn marks_lose_nothing_of_how_a_line_was_seen() {
        for line in [
            "םולש 12.5% ,1",
            "(HTTP 1.1) םולש",
            "the word םולש means",
            "V8",
            ".םלוע ,םולש",
        ] {
            for rtl in [true, false] {
                assert_eq!(seen(&marked(line, rtl)), line);
            }
        }
        assert_eq!(marked("V8", true), "\u{202b}\u{202a}V8\u{202c}\u{202c}");
        assert_eq!(unmarked("plain\ntext"), "plain\ntext");
        assert_eq!(unmarked(&marked(".םלוע ,םולש", true)), "שלום, עולם.");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        assert_eq!(read_order("naïve (Größe) 一二"), "naïve (Größe) 一二");
    }
}
