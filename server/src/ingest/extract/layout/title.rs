//! The title of a page: what stands at its head in clearly larger letters than the rest. Bookmarks
//! know better where there are any; most slides have none.

use super::{lines::Line, order::Piece};

/// How many times larger than the page's usual letters a title's are.
const LARGER: f32 = 1.2;
/// Pieces at the head of the page among which it is looked for: slides have a logo, a date or a
/// chapter's name above it.
const HEAD: usize = 3;
/// Lines of a title are set alike; smaller ones right under it are a title of their own.
const ALIKE: f32 = 0.95;
/// Lines and characters of a title at most; more is a statement in large letters.
const LINES_MAX: usize = 3;
const CHARS_MAX: usize = 120;
/// Letters of a title at least, so that a number or a bullet is none.
const LETTERS_MIN: usize = 3;
/// Words under a title at least: a cover has a name, but nothing is said under it.
const WORDS_UNDER_MIN: usize = 5;

/// The title, on one line.
pub fn title(pieces: &[Piece], rtl: bool) -> Option<String> {
    let usual = usual_size(pieces)?;
    let (place, block) = pieces
        .iter()
        .map(|piece| &piece.block)
        .enumerate()
        .take(HEAD)
        .filter(|(_, block)| block.size >= LARGER * usual)
        // The first of the largest.
        .rev()
        .max_by(|(_, a), (_, b)| a.size.total_cmp(&b.size))?;
    let is_large = |line: &&Line| line.size >= ALIKE * block.size;
    let above = block
        .lines
        .iter()
        .take_while(|line| !is_large(line))
        .count();
    let lines: Vec<&Line> = block.lines[above..].iter().take_while(is_large).collect();
    let under = block.lines[above + lines.len()..].iter();
    let further = pieces[place + 1..]
        .iter()
        .flat_map(|piece| &piece.block.lines);
    let words_under: usize = under.chain(further).map(Line::word_count).sum();
    let title = lines
        .iter()
        .map(|line| line.text(rtl))
        .collect::<Vec<_>>()
        .join(" ");
    let letters = title.chars().filter(|c| c.is_alphabetic()).count();
    let is_title = words_under >= WORDS_UNDER_MIN
        && lines.len() <= LINES_MAX
        && letters >= LETTERS_MIN
        && title.chars().count() <= CHARS_MAX;
    is_title.then_some(title)
}

/// The size most words are set in or below.
fn usual_size(pieces: &[Piece]) -> Option<f32> {
    let lines = pieces.iter().flat_map(|piece| &piece.block.lines);
    let mut sizes: Vec<(f32, usize)> = lines.map(|line| (line.size, line.word_count())).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sizes.iter().map(|(_, words)| words).sum::<usize>() / 2;
    let mut below = 0;
    sizes.into_iter().find_map(|(size, words)| {
        below += words;
        (below > half).then_some(size)
    })
}
