//! Right-to-left scripts: from the order in which a line is seen to the order in which it is read.
//! Knows nothing of places on the page.

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

/// A line as it is read, from the line as it is seen from left to right.
pub fn read_order(seen: &str) -> String {
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
    fn other_lines_stay_as_they_are() {
        assert_eq!(read_order("naïve (Größe) 一二"), "naïve (Größe) 一二");
    }
}
