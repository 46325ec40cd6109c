//! From glyphs to words and from words to lines. A line is what stands side by side on one base
//! line without a column's gap in between, with the small letters above and below it.

use super::Placed;
use crate::ingest::bidi;

/// A gap wider than this ends a word; of the font's size.
const WORD_GAP: f32 = 0.1;
/// Glyphs whose base lines differ by less stand on one; of the font's size.
const SAME_BASE: f32 = 0.08;
/// Words whose base lines differ by less stand on one line; of the font's size.
const SAME_LINE: f32 = 0.15;
/// A gap wider than this separates columns or cells; of the font's size.
const LINE_GAP: f32 = 1.5;
/// A glyph may reach this far back over the one before it (kerning, slanted letters); of the size.
const OVERLAP_MAX: f32 = 0.5;
/// Fonts whose sizes differ more than this many times do not share a line.
const LINE_SIZES: f32 = 1.9;
/// The least gap between two columns of running text; of the font's size.
const GUTTER: f32 = 0.6;
/// Lines that must leave a gutter free before it is believed to be one.
const GUTTER_LINES: usize = 8;
/// How finely the page is divided to look for gutters, in points.
const GUTTER_STEP: f32 = 2.0;
/// Divisions of a page at most: the largest paper that PDF knows is 14,400 points wide.
const GUTTER_STEPS_MAX: usize = 7_200;
/// More lines are not searched for places where small letters hang: no page of text has as many.
const HANGING_LINES_MAX: usize = 5_000;
/// A small letter hangs on a line whose font is at most this many times larger.
const HANGING_SIZES: f32 = 3.0;

/// Glyphs without a gap in between.
#[derive(Clone, Debug)]
pub struct Word {
    /// As seen from left to right.
    pub text: String,
    left: f32,
    right: f32,
    base: f32,
    size: f32,
    /// A drawn space stands before it.
    space_before: bool,
}

/// Words side by side.
#[derive(Clone, Debug)]
pub struct Line {
    /// From left to right.
    words: Vec<Word>,
    pub left: f32,
    pub right: f32,
    pub base: f32,
    pub size: f32,
}

impl Line {
    fn new(words: Vec<Word>, base: f32, size: f32) -> Self {
        let left = words.iter().map(|w| w.left).fold(f32::INFINITY, f32::min);
        let right = words
            .iter()
            .map(|w| w.right)
            .fold(f32::NEG_INFINITY, f32::max);
        Self {
            words,
            left,
            right,
            base,
            size,
        }
    }

    /// Takes base line and size from its widest word, which small letters beside it do not change.
    fn of_words(words: Vec<Word>) -> Self {
        let ink = |word: &Word| (word.right - word.left) * word.size;
        let (base, size) = words
            .iter()
            .max_by(|a, b| ink(a).total_cmp(&ink(b)))
            .map_or((0.0, 1.0), |word| (word.base, word.size));
        Self::new(words, base, size)
    }

    /// Where its letters begin, from above.
    pub fn top(&self) -> f32 {
        self.base - 0.75 * self.size
    }

    /// Where its letters end.
    pub fn bottom(&self) -> f32 {
        self.base + 0.2 * self.size
    }

    /// The line's text; `rtl` when its page runs from right to left.
    pub fn text(&self, rtl: bool) -> String {
        let mut seen = String::new();
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 && has_gap(&self.words[index - 1], word) {
                seen.push(' ');
            }
            seen.push_str(&word.text);
        }
        bidi::marked(&seen, rtl)
    }

    pub fn word_count(&self) -> usize {
        let pairs = self.words.windows(2);
        1 + pairs.filter(|pair| has_gap(&pair[0], &pair[1])).count()
    }
}

fn has_gap(before: &Word, word: &Word) -> bool {
    word.space_before || word.left - before.right > WORD_GAP * before.size.max(word.size)
}

/// The words of one page and one direction, row by row.
pub fn words(mut glyphs: Vec<Placed>) -> Vec<Word> {
    glyphs.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.left.total_cmp(&b.left)));
    let mut words = Vec::new();
    let mut start = 0;
    while start < glyphs.len() {
        let first = glyphs[start];
        let length = glyphs[start..]
            .iter()
            .take_while(|g| g.base - first.base <= SAME_BASE * g.size.min(first.size) + 0.01)
            .count();
        let row = &mut glyphs[start..start + length];
        row.sort_by(|a, b| a.left.total_cmp(&b.left));
        words_of_row(row, &mut words);
        start += length;
    }
    words
}

/// Cuts one row of glyphs, sorted from left to right, at its gaps and spaces.
fn words_of_row(row: &[Placed], words: &mut Vec<Word>) {
    /// Of the size: a glyph drawn this close over the same glyph only makes it bold.
    const DRAWN_TWICE: f32 = 0.1;
    let mut last: Option<Placed> = None;
    let mut space_before = false;
    for &glyph in row {
        if glyph.char.is_whitespace() {
            space_before = true;
            continue;
        }
        let touched = last.filter(|last| (glyph.size - last.size).abs() <= 0.05 * glyph.size);
        if let Some(last) = touched
            && glyph.char == last.char
            && glyph.left - last.left < DRAWN_TWICE * glyph.size
        {
            continue;
        }
        let joins = touched.is_some_and(|last| {
            let gap = glyph.left - last.right;
            !space_before && gap <= WORD_GAP * glyph.size && gap > -OVERLAP_MAX * glyph.size
        });
        last = Some(glyph);
        match words.last_mut() {
            Some(word) if joins => {
                word.text.push(glyph.char);
                word.right = word.right.max(glyph.right);
                word.size = word.size.max(glyph.size);
            }
            _ => words.push(Word {
                text: glyph.char.to_string(),
                left: glyph.left,
                right: glyph.right,
                base: glyph.base,
                size: glyph.size,
                space_before,
            }),
        }
        space_before = false;
    }
}

/// The lines of one page and one direction, from above.
pub fn lines(words: Vec<Word>) -> Vec<Line> {
    let rows = rows(words);
    let gutters = gutters(&rows);
    let lines = rows
        .into_iter()
        .flat_map(|row| cut_row(row, &gutters))
        .collect();
    let lines = drop_capitals(lines);
    let mut lines = hang_small_letters(lines);
    lines.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.left.total_cmp(&b.left)));
    lines
}

/// Words on one base line, each row from left to right.
fn rows(mut words: Vec<Word>) -> Vec<Vec<Word>> {
    /// Rows looked back at: fonts of very different sizes may interleave a few.
    const LOOK_BACK: usize = 12;
    words.sort_by(|a, b| a.base.total_cmp(&b.base).then(a.left.total_cmp(&b.left)));
    let mut rows: Vec<(f32, f32, Vec<Word>)> = Vec::new();
    for word in words {
        let row = rows
            .iter_mut()
            .rev()
            .take(LOOK_BACK)
            .find(|(base, size, _)| (word.base - *base).abs() <= SAME_LINE * size.min(word.size));
        match row {
            Some((_, size, row)) => {
                *size = size.max(word.size);
                row.push(word);
            }
            None => rows.push((word.base, word.size, vec![word])),
        }
    }
    rows.into_iter()
        .map(|(_, _, mut row)| {
            row.sort_by(|a, b| a.left.total_cmp(&b.left));
            row
        })
        .collect()
}

/// The middles of the strips that many rows leave free and few cross: gaps between columns of text
/// that may be as narrow as a wide space.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn gutters(rows: &[Vec<Word>]) -> Vec<f32> {
    let lefts = rows.iter().flatten().map(|word| word.left);
    let first = lefts.fold(f32::INFINITY, f32::min);
    let step = |x: f32| ((x - first) / GUTTER_STEP).max(0.0) as usize;
    let mut free = vec![0_usize; GUTTER_STEPS_MAX];
    let mut crossed = vec![0_usize; GUTTER_STEPS_MAX];
    for row in rows {
        for word in row {
            for count in &mut crossed[span(step(word.left), step(word.right).saturating_add(1))] {
                *count += 1;
            }
        }
        for pair in row.windows(2) {
            let (from, to) = (pair[0].right, pair[1].left);
            if to - from >= GUTTER * pair[0].size.max(pair[1].size) {
                for count in &mut free[span(step(from).saturating_add(1), step(to))] {
                    *count += 1;
                }
            }
        }
    }
    let clear = |at: &usize| free[*at] >= GUTTER_LINES && free[*at] >= crossed[*at];
    let mut gutters = Vec::new();
    let mut at = 0;
    while at < GUTTER_STEPS_MAX {
        let length = (at..GUTTER_STEPS_MAX).take_while(clear).count();
        if length > 0 {
            gutters.push(first + (at as f32 + length as f32 / 2.0) * GUTTER_STEP);
        }
        at += length + 1;
    }
    gutters
}

fn span(from: usize, to: usize) -> std::ops::Range<usize> {
    let to = to.min(GUTTER_STEPS_MAX);
    from.min(to)..to
}

/// Cuts a row at its column gaps.
fn cut_row(row: Vec<Word>, gutters: &[f32]) -> Vec<Line> {
    let mut lines: Vec<Vec<Word>> = Vec::new();
    let mut right = f32::NEG_INFINITY;
    for word in row {
        let last = lines.last().and_then(|line| line.last());
        let goes_on = last.is_some_and(|last| {
            let size = last.size.max(word.size);
            let gap = word.left - right;
            let alike = size <= LINE_SIZES * last.size.min(word.size);
            let gutter =
                gap >= GUTTER * size && gutters.iter().any(|x| (right..word.left).contains(x));
            alike && !gutter && gap <= LINE_GAP * size && gap >= -OVERLAP_MAX * size
        });
        match lines.last_mut() {
            Some(line) if goes_on => {
                right = right.max(word.right);
                line.push(word);
            }
            _ => {
                right = word.right;
                lines.push(vec![word]);
            }
        }
    }
    lines.into_iter().map(Line::of_words).collect()
}

/// Puts a large first letter that several lines stand beside before the first of them.
fn drop_capitals(lines: Vec<Line>) -> Vec<Line> {
    /// How many times larger than its lines it is at least.
    const LARGER: f32 = 1.8;
    /// How far its lines stand from it; of its size.
    const GAP: std::ops::RangeInclusive<f32> = -0.1..=0.35;
    if lines.len() > HANGING_LINES_MAX {
        return lines;
    }
    let is_capital = |line: &Line| match line.words.as_slice() {
        [word] => {
            let mut chars = word.text.chars();
            chars.next().is_some_and(char::is_uppercase) && chars.next().is_none()
        }
        _ => false,
    };
    let (capitals, mut lines): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(is_capital);
    for capital in capitals {
        let beside = lines.iter_mut().filter(|line| {
            capital.size >= LARGER * line.size
                && GAP.contains(&((line.left - capital.right) / capital.size))
                && (capital.top()..capital.base).contains(&line.base)
        });
        let first = beside.min_by(|a, b| a.base.total_cmp(&b.base));
        let goes_on = |line: &Line| {
            let next = line.words.first().and_then(|word| word.text.chars().next());
            next.is_some_and(char::is_lowercase)
        };
        match first {
            Some(line) if goes_on(line) => {
                let mut words = std::mem::take(&mut line.words);
                let letter = capital.words.into_iter().next().map(|word| word.text);
                let letter = letter.unwrap_or_default();
                if matches!(letter.as_str(), "A" | "I") {
                    words[0].text.insert(0, ' ');
                }
                words[0].text.insert_str(0, &letter);
                words[0].left = capital.left;
                *line = Line::new(words, line.base, line.size);
            }
            _ => lines.push(capital),
        }
    }
    lines
}

/// Puts superscripts, subscripts and displaced letters into the line they touch, smallest first.
fn hang_small_letters(mut lines: Vec<Line>) -> Vec<Line> {
    if lines.len() > HANGING_LINES_MAX {
        return lines;
    }
    lines.sort_by(|a, b| a.base.total_cmp(&b.base));
    let bases: Vec<f32> = lines.iter().map(|line| line.base).collect();
    let largest = lines.iter().map(|line| line.size).fold(0.0, f32::max);
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|&a, &b| lines[a].size.total_cmp(&lines[b].size));
    let mut lines: Vec<Option<Line>> = lines.into_iter().map(Some).collect();
    for index in order {
        let Some(small) = &lines[index] else { continue };
        let reach = largest.min(small.size * HANGING_SIZES);
        let from = bases.partition_point(|&base| base < small.base - 0.45 * reach);
        let to = bases.partition_point(|&base| base <= small.base + 0.9 * reach);
        let host = (from..to)
            .filter(|&host| host != index)
            .filter_map(|host| Some((hangs_at(small, lines[host].as_ref()?)?, host)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, host)) = host else { continue };
        if let (Some(small), Some(host)) = (lines[index].take(), &mut lines[host]) {
            let mut words = std::mem::take(&mut host.words);
            words.extend(small.words);
            words.sort_by(|a, b| a.left.total_cmp(&b.left));
            *host = Line::new(words, host.base, host.size);
        }
    }
    lines.into_iter().flatten().collect()
}

/// How far `small` stands from a word of `host`, if it may belong to it.
fn hangs_at(small: &Line, host: &Line) -> Option<f32> {
    /// Characters of a displaced piece in the line's own size (the E of a TeX logo).
    const DISPLACED_MAX_CHARS: usize = 2;
    /// How far up and down it may stand, and how near a word; of the line's size.
    const DROP: std::ops::RangeInclusive<f32> = -0.9..=0.45;
    const NEAR_SMALL: f32 = 0.35;
    const NEAR_DISPLACED: f32 = 0.2;
    /// Longer pieces are text of their own beside large letters.
    const SMALL_MAX_CHARS: usize = 16;
    let chars: usize = small.words.iter().map(|w| w.text.chars().count()).sum();
    let near = if chars <= SMALL_MAX_CHARS && host.size > small.size * 1.1 {
        NEAR_SMALL
    } else if chars <= DISPLACED_MAX_CHARS && host.size >= small.size * 0.9 {
        NEAR_DISPLACED
    } else {
        return None;
    };
    let drop = (small.base - host.base) / host.size;
    if host.size > small.size * HANGING_SIZES || !DROP.contains(&drop) {
        return None;
    }
    let gaps = host.words.iter().map(|w| {
        (small.left - w.right)
            .abs()
            .min((w.left - small.right).abs())
    });
    Some(gaps.fold(f32::INFINITY, f32::min)).filter(|&gap| gap <= near * host.size)
}
