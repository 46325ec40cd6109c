//! From glyphs with their places on a page to text in reading order: words, lines, blocks, columns,
//! tables row by row, right-to-left scripts by sections. Pure; knows no file format.
//!
//! The order glyphs are drawn in means nothing here, and the spaces a file draws are only hints:
//! where things stand on the page decides, as it does for a reader.

mod blocks;
mod lines;
mod order;
mod title;

use crate::ingest::bidi;

/// More glyphs than a page can show legibly: such a page is a drawing, or hostile.
const GLYPHS_MAX: usize = 200_000;

/// One character as it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Glyph {
    pub char: char,
    /// Where its base line begins, in points from the page's lower left corner.
    pub x: f32,
    pub y: f32,
    /// How far it reaches along the base line; 0 where that is not known.
    pub advance: f32,
    /// Of the font, in points.
    pub size: f32,
    pub turn: Turn,
}

/// Which way a base line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Right,
    Up,
    Left,
    Down,
}

impl Turn {
    const ALL: [Self; 4] = [Self::Right, Self::Up, Self::Left, Self::Down];

    /// The nearest of the four, from degrees counted against the clock.
    pub fn of_degrees(degrees: f32) -> Self {
        match (degrees.rem_euclid(360.0) / 90.0).round() as u8 {
            1 => Self::Up,
            2 => Self::Left,
            3 => Self::Down,
            _ => Self::Right,
        }
    }

    /// The place in a frame where the text runs to the right and the next line lies at a larger y.
    const fn frame(self, x: f32, y: f32) -> (f32, f32) {
        match self {
            Self::Right => (x, -y),
            Self::Up => (y, x),
            Self::Left => (-x, y),
            Self::Down => (-y, -x),
        }
    }
}

/// What a page says.
#[derive(Debug, Default)]
pub struct Page {
    pub text: String,
    /// What stands over it in larger letters, as a slide's title does.
    pub title: Option<String>,
}

/// Reads a page; `None` when there are too many glyphs to be a page of text.
pub fn read(glyphs: &[Glyph]) -> Option<Page> {
    if glyphs.len() > GLYPHS_MAX {
        return None;
    }
    // What is written along the page comes before what is written across it.
    let mut turns = Turn::ALL.map(|turn| {
        let drawn: Vec<Glyph> = glyphs.iter().filter(|g| g.turn == turn).copied().collect();
        (turn, drawn)
    });
    turns.sort_by_key(|(_, drawn)| std::cmp::Reverse(drawn.len()));
    let mut page = Page::default();
    for (turn, drawn) in turns {
        let words = lines::words(
            drawn
                .iter()
                .filter_map(|glyph| placed(glyph, turn))
                .collect(),
        );
        if words.is_empty() {
            continue;
        }
        let rtl = bidi::is_mostly_rtl(words.iter().map(|word| word.text.as_str()));
        let blocks = blocks::blocks(lines::lines(words));
        let pieces = order::order(blocks, rtl);
        if page.text.is_empty() {
            page.title = title::title(&pieces, rtl);
        }
        for piece in pieces {
            if !page.text.is_empty() {
                page.text.push_str(piece.gap.as_str());
            }
            page.text.push_str(&piece.block.text(rtl));
        }
    }
    Some(page)
}

/// A glyph in its own frame.
#[derive(Clone, Copy, Debug)]
struct Placed {
    char: char,
    left: f32,
    right: f32,
    base: f32,
    size: f32,
}

fn placed(glyph: &Glyph, turn: Turn) -> Option<Placed> {
    /// Of the font's size: what a glyph of unknown width is taken to cover, wide enough that no
    /// letter leaves a gap behind it. Real spaces are drawn as glyphs of their own.
    const UNKNOWN_WIDTH: f32 = 0.75;
    /// A font of no size draws nothing; some files say so of fonts scaled otherwise.
    const SIZE_MIN: f32 = 0.1;
    let finite = [glyph.x, glyph.y, glyph.advance, glyph.size]
        .iter()
        .all(|value| value.is_finite());
    let silent = glyph.char.is_control() || bidi::is_mark(glyph.char);
    if !finite || (silent && !glyph.char.is_whitespace()) {
        return None;
    }
    let (left, base) = turn.frame(glyph.x, glyph.y);
    let size = if glyph.size > SIZE_MIN {
        glyph.size
    } else {
        1.0
    };
    let width = if glyph.advance > 0.0 {
        glyph.advance
    } else {
        UNKNOWN_WIDTH * size
    };
    Some(Placed {
        char: glyph.char,
        left,
        right: left + width,
        base,
        size,
    })
}

#[cfg(test)]
mod tests;
