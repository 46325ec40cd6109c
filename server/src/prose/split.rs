//! Cutting a page's text into sentences. Slides and papers break lines for many reasons, so lines
//! are first joined into blocks (a paragraph, a bullet, a heading), and blocks are cut at the ends
//! of sentences.

use unicode_segmentation::UnicodeSegmentation;

/// A longer sentence is a table or a list that lost its breaks; it is cut at words.
const SENTENCE_MAX_CHARS: usize = 420;
/// A line shorter than this share of the usual line did not end because it was full.
const SHORT_LINE: f32 = 0.7;
/// Below this usual line length a text is made of short lines anyway, and their length says nothing.
const USUAL_LINE_MIN_CHARS: usize = 30;
/// A longer aside is a sentence of its own.
const ASIDE_MAX_BYTES: usize = 40;
/// Signs that begin an item of a list wherever they stand.
const BULLETS: &[char] = &[
    '•', '●', '▪', '■', '◦', '‣', '➢', '➤', '○', '□', '❖', '✓', '\u{f0b7}', '\u{f0a7}',
];
/// Endings after which a full stop does not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "e.g.", "i.e.", "etc.", "vs.", "cf.", "fig.", "figs.", "eq.", "eqs.", "dr.", "mr.", "mrs.",
    "ms.", "prof.", "no.", "p.", "pp.", "al.", "sec.", "ch.", "vol.", "ed.", "eds.", "approx.",
    "ref.", "refs.", "resp.", "z.b.", "d.h.", "bzw.", "ca.", "nr.", "abs.", "u.a.", "usw.", "vgl.",
    "s.", "abb.", "kap.", "st.", "inc.", "jr.", "dept.", "viz.", "z.", "b.", "d.", "h.", "u.",
];

/// A sentence, a bullet or a heading of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Scalar position of its first character.
    pub start: u32,
    /// Scalar position after its last.
    pub end: u32,
    /// On one line.
    pub text: String,
    /// Which paragraph, bullet or heading it belongs to, counting from 0.
    pub block: usize,
}

/// The sentences of `text`, in order.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (block, (start, end)) in blocks(text).into_iter().enumerate() {
        for (from, to) in cut(&text[start..end]) {
            push(text, start + from, start + to, block, &mut found);
        }
    }
    to_scalars(text, found)
}

/// Byte ranges of paragraphs, bullets and headings.
fn blocks(text: &str) -> Vec<(usize, usize)> {
    let lines = lines(text);
    let usual = usual_length(text, &lines);
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    let mut previous: Option<&str> = None;
    for &(start, end) in &lines {
        let line = text[start..end].trim();
        if line.is_empty() {
            previous = None;
            continue;
        }
        match (previous, blocks.last_mut()) {
            (Some(before), Some(last)) if !begins_block(before, line, usual) => last.1 = end,
            _ => blocks.push((start, end)),
        }
        previous = Some(line);
    }
    blocks
        .into_iter()
        .flat_map(|(start, end)| at_bullets(text, start, end))
        .collect()
}

fn lines(text: &str) -> Vec<(usize, usize)> {
    let mut start = 0;
    text.split('\n')
        .map(|line| {
            let range = (start, start + line.len());
            start = range.1 + 1;
            range
        })
        .collect()
}

/// The length nine of ten lines stay under: what this text's full lines are like.
fn usual_length(text: &str, lines: &[(usize, usize)]) -> usize {
    let mut lengths: Vec<usize> = lines
        .iter()
        .map(|&(start, end)| text[start..end].trim().chars().count())
        .filter(|length| *length > 0)
        .collect();
    lengths.sort_unstable();
    lengths
        .get(lengths.len() * 8 / 10)
        .copied()
        .unwrap_or_default()
}

fn begins_block(before: &str, line: &str, usual: usize) -> bool {
    if begins_item(line) {
        return true;
    }
    let open = before.ends_with([',', '-', '–', ';', '(']);
    let Some(first) = line.chars().next() else {
        return false;
    };
    if open || first.is_lowercase() {
        return false;
    }
    // "... at least" / "6 characters": only an end of a sentence lets a number begin a new one.
    if first.is_ascii_digit() && before.ends_with(char::is_lowercase) {
        return false;
    }
    let length = before.chars().count();
    usual >= USUAL_LINE_MIN_CHARS && (length as f32) < usual as f32 * SHORT_LINE
        || usual < USUAL_LINE_MIN_CHARS && !before.ends_with(['.', '!', '?'])
}

/// Whether a line begins with a bullet, a number or a letter of a list.
fn begins_item(line: &str) -> bool {
    let mut chars = line.chars();
    match chars.next() {
        Some(first) if BULLETS.contains(&first) => true,
        Some('-' | '–' | '—' | '*' | '·' | 'o' | '»' | '>') => {
            chars.next().is_some_and(char::is_whitespace)
        }
        _ => {
            let Some((label, _)) = line.split_once(char::is_whitespace) else {
                return false;
            };
            let bare = label.trim_start_matches('(');
            let inner = bare.trim_end_matches(['.', ')']);
            let closed = inner.len() < bare.len() || inner.contains('.');
            let counted = inner.len() <= 6
                && inner.starts_with(|c: char| c.is_ascii_digit())
                && inner.chars().all(|c| c.is_ascii_digit() || c == '.');
            let lettered = inner.len() == 1 && inner.starts_with(|c: char| c.is_ascii_lowercase());
            closed && (counted || lettered)
        }
    }
}

/// Bullets also stand inside lines when the breaks were lost.
fn at_bullets(text: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    let mut cuts: Vec<usize> = text[start..end]
        .match_indices(BULLETS)
        .map(|(at, _)| start + at)
        .filter(|at| *at > start)
        .collect();
    cuts.push(end);
    let mut from = start;
    cuts.into_iter()
        .map(|to| (std::mem::replace(&mut from, to), to))
        .collect()
}

/// Byte ranges of the sentences of one block.
fn cut(block: &str) -> Vec<(usize, usize)> {
    // A line break ends a sentence for the segmenter; inside a block it means nothing.
    let flat: String = block
        .chars()
        .map(|c| if c == '\n' || c == '\r' { ' ' } else { c })
        .collect();
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (mut at, mut piece) in flat.split_sentence_bound_indices() {
        let end = at + piece.len();
        let aside = leading_aside(piece);
        if let (Some(last), true) = (ranges.last_mut(), aside > 0) {
            last.1 = at + aside;
            at += aside;
            piece = &piece[aside..];
            if !piece.trim().is_empty() {
                ranges.push((at, end));
            }
            continue;
        }
        match ranges.last_mut() {
            Some(last) if continues(&flat[last.0..last.1], piece) => last.1 = end,
            _ => ranges.push((at, end)),
        }
    }
    ranges
}

/// How many bytes of an aside in brackets before a new beginning belong to the sentence before:
/// "It works. (Chapter 3) The next one ..."
fn leading_aside(piece: &str) -> usize {
    let inside = piece.trim_start();
    if !inside.starts_with('(') {
        return 0;
    }
    match inside.find(')') {
        Some(close) if close <= ASIDE_MAX_BYTES => {
            let rest = inside[close + 1..].trim_start();
            if rest.is_empty() || rest.starts_with(char::is_alphanumeric) {
                piece.len() - rest.len()
            } else {
                0
            }
        }
        _ => 0,
    }
}

/// Whether the end of `before` is no end of a sentence.
fn continues(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    if after.trim_start().starts_with(|c: char| c.is_lowercase()) {
        return true;
    }
    let Some(stripped) = before.strip_suffix('.') else {
        return before.is_empty();
    };
    let last = before
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let label = stripped.trim_start_matches(BULLETS).trim();
    let is_initial = last.chars().count() == 2 && before.len() > 2;
    // "1." or "4.2." at the start of a block is the number of what follows.
    let is_number = !label.is_empty() && label.chars().all(|c| c.is_ascii_digit() || c == '.');
    ABBREVIATIONS.contains(&last.as_str()) || is_initial || is_number
}

/// Adds a sentence without the white space and the bullet around it, cut if it is too long.
fn push(
    text: &str,
    start: usize,
    end: usize,
    block: usize,
    found: &mut Vec<(usize, usize, usize)>,
) {
    let raw = &text[start..end];
    let lead = raw.len()
        - raw
            .trim_start_matches(|c: char| c.is_whitespace() || BULLETS.contains(&c) || c == '·')
            .len();
    let lead = lead + dash_bullet(&raw[lead..]);
    let start = start + lead;
    let end = end - (raw.len() - raw.trim_end().len()).min(raw.len() - lead);
    if start >= end {
        return;
    }
    let mut from = start;
    let mut chars = 0;
    for (at, c) in text[start..end].char_indices() {
        chars += 1;
        if chars > SENTENCE_MAX_CHARS && c.is_whitespace() {
            found.push((from, start + at, block));
            from = start + at + c.len_utf8();
            chars = 0;
        }
    }
    if !text[from..end].trim().is_empty() {
        found.push((from, end, block));
    }
}

fn dash_bullet(text: &str) -> usize {
    let rest = text.trim_start_matches(['-', '–', '—', '*', '»', '>']);
    let cut = text.len() - rest.len();
    if cut > 0 && cut <= 3 && rest.starts_with(char::is_whitespace) {
        text.len() - rest.trim_start().len()
    } else {
        0
    }
}

fn to_scalars(text: &str, ranges: Vec<(usize, usize, usize)>) -> Vec<Sentence> {
    let mut position = 0;
    let mut byte = 0;
    let mut advance = |to: usize| {
        position += text[byte..to].chars().count();
        byte = to;
        u32::try_from(position).unwrap_or(u32::MAX)
    };
    ranges
        .into_iter()
        .map(|(start, end, block)| Sentence {
            start: advance(start),
            end: advance(end),
            text: super::one_line(&text[start..end]),
            block,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Vec<String> {
        sentences(text).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn wrapped_lines_of_a_paragraph_are_one_text() {
        let page = "The heart is a muscular organ that pumps blood through the vessels of the\ncirculatory system. Blood carries oxygen\nand nutrients to the tissues of the whole body, e.g. to the brain and the\nkidneys.";
        assert_eq!(
            texts(page),
            [
                "The heart is a muscular organ that pumps blood through the vessels of the circulatory system.",
                "Blood carries oxygen and nutrients to the tissues of the whole body, e.g. to the brain and the kidneys.",
            ]
        );
    }

    #[test]
    fn headings_bullets_and_numbers_stand_alone() {
        let page = "Linked lists\n• Each node holds a value and a pointer to the next\n  node of the list\n• Insertion at the front is O(1)\n1. First allocate the node.\n2. Then link it.\n- a dash";
        assert_eq!(
            texts(page),
            [
                "Linked lists",
                "Each node holds a value and a pointer to the next node of the list",
                "Insertion at the front is O(1)",
                "1. First allocate the node.",
                "2. Then link it.",
                "a dash",
            ]
        );
    }

    #[test]
    fn an_aside_in_brackets_belongs_to_the_sentence_before() {
        assert_eq!(
            texts("base case: It ends here. (Chapter 5)\nbranch: One of the ways. (Chapter 6)"),
            [
                "base case: It ends here. (Chapter 5)",
                "branch: One of the ways. (Chapter 6)",
            ]
        );
    }

    #[test]
    fn bullets_that_lost_their_line_breaks_are_cut() {
        assert_eq!(
            texts("Uses: • sorting data • searching data"),
            ["Uses:", "sorting data", "searching data"]
        );
    }

    #[test]
    fn abbreviations_and_initials_do_not_end_a_sentence() {
        assert_eq!(
            texts("As J. Smith et al. Have shown in Fig. 3, it works. Es gilt z. B. Für alle."),
            [
                "As J. Smith et al. Have shown in Fig. 3, it works.",
                "Es gilt z. B. Für alle.",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_sentence_is_the_text_between_its_offsets(text in "[a-zA-Zß🫀.!?•\\-0-9 \n]{0,300}") {
            for sentence in sentences(&text) {
                let raw: String = text.chars().skip(sentence.start as usize)
                    .take((sentence.end - sentence.start) as usize).collect();
                prop_assert_eq!(super::super::one_line(&raw), sentence.text);
            }
        }
    }
}
