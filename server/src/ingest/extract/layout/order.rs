//! The order in which blocks are read: the page is cut along its empty strips, across and down, and
//! a group of blocks that can be cut both ways is read by rows if it is a table, else by columns.

use super::blocks::{Block, words_a_line};

/// Columns are this far apart at least; of the font's size.
const COLUMN_GAP: f32 = 0.5;
/// Bands may overlap by this much; of the font's size: descenders reach into the next line.
const BAND_OVERLAP: f32 = 0.12;
/// Cuts within cuts; a deeper page is read from above.
const DEPTH_MAX: usize = 40;
/// More blocks are read from above: no page of text has as many.
const BLOCKS_MAX: usize = 4_000;
/// Words a line from which on a column is running text, on average.
const PROSE_WORDS: f32 = 3.5;
/// Lines a column of running text has at least.
const PROSE_LINES: usize = 4;
/// Share of the group's width that a column of running text takes at least.
const PROSE_WIDTH: f32 = 0.25;

/// What separates a block from the one read before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    Paragraph,
    /// The next row of a table, or the next cell where cells have several lines.
    Line,
    /// The next cell of a row.
    Cell,
}

impl Gap {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paragraph => "\n\n",
            Self::Line => "\n",
            Self::Cell => "  ",
        }
    }
}

/// A block in its place.
#[derive(Debug)]
pub struct Piece {
    pub gap: Gap,
    pub block: Block,
}

/// Puts the blocks of one page into reading order; `rtl` when its columns run from the right.
pub fn order(blocks: Vec<Block>, rtl: bool) -> Vec<Piece> {
    let mut reading = Reading {
        rtl,
        pieces: Vec::with_capacity(blocks.len()),
        next: Gap::Paragraph,
    };
    if blocks.len() > BLOCKS_MAX {
        reading.top_down(blocks);
    } else {
        reading.region(blocks, 0);
    }
    reading.pieces
}

struct Reading {
    rtl: bool,
    pieces: Vec<Piece>,
    next: Gap,
}

impl Reading {
    fn push(&mut self, block: Block) {
        let gap = std::mem::replace(&mut self.next, Gap::Paragraph);
        self.pieces.push(Piece { gap, block });
    }

    /// No straight cut parts them.
    fn top_down(&mut self, mut blocks: Vec<Block>) {
        let rtl = self.rtl;
        blocks.sort_by(|a, b| {
            let across = if rtl {
                b.right.total_cmp(&a.right)
            } else {
                a.left.total_cmp(&b.left)
            };
            a.first_base().total_cmp(&b.first_base()).then(across)
        });
        blocks.into_iter().for_each(|block| self.push(block));
    }

    fn region(&mut self, blocks: Vec<Block>, depth: usize) {
        if blocks.len() <= 1 || depth > DEPTH_MAX {
            return self.top_down(blocks);
        }
        for group in groups(bands(blocks)) {
            self.group(group, depth);
        }
    }

    /// Bands that share a gutter, or one band without any.
    fn group(&mut self, bands: Vec<Vec<Block>>, depth: usize) {
        let gutters = Strips::of(bands.iter().flatten());
        if gutters.columns.len() <= 1 {
            return bands.into_iter().for_each(|band| self.top_down(band));
        }
        if bands.len() > 1 && is_table(&bands, &gutters) {
            return bands.into_iter().for_each(|band| self.row(band, depth));
        }
        let mut columns: Vec<Vec<Block>> = gutters.columns.iter().map(|_| Vec::new()).collect();
        for block in bands.into_iter().flatten() {
            columns[gutters.index(&block)].push(block);
        }
        if self.rtl {
            columns.reverse();
        }
        for column in columns {
            self.region(column, depth + 1);
        }
    }

    /// One row of a table: its cells on one line if each is one line, else below each other.
    fn row(&mut self, band: Vec<Block>, depth: usize) {
        let one_line = band.iter().all(|block| block.lines.len() == 1)
            && Strips::of(band.iter()).columns.len() == band.len();
        let first = self.pieces.len();
        self.region(band, depth + 1);
        for (index, piece) in self.pieces[first..].iter_mut().enumerate() {
            piece.gap = if one_line && index > 0 {
                Gap::Cell
            } else {
                Gap::Line
            };
        }
        // Whatever follows the table begins anew.
        self.next = Gap::Paragraph;
    }
}

/// Cuts across: blocks between two empty strips that go through the whole region.
fn bands(mut blocks: Vec<Block>) -> Vec<Vec<Block>> {
    blocks.sort_by(|a, b| a.top.total_cmp(&b.top));
    let mut bands: Vec<Vec<Block>> = Vec::new();
    let mut bottom = f32::NEG_INFINITY;
    for block in blocks {
        let reach = bottom;
        bottom = bottom.max(block.bottom);
        match bands.last_mut() {
            Some(band) if block.top < reach - BAND_OVERLAP * block.size => band.push(block),
            _ => {
                bottom = block.bottom;
                bands.push(vec![block]);
            }
        }
    }
    bands
}

/// Joins bands as long as a gutter goes through all of them.
fn groups(bands: Vec<Vec<Block>>) -> Vec<Vec<Vec<Block>>> {
    let mut groups: Vec<(Strips, Vec<Vec<Block>>)> = Vec::new();
    for band in bands {
        if let Some((strips, group)) = groups.last_mut() {
            let mut joined = strips.clone();
            band.iter().for_each(|block| joined.add(block));
            if joined.columns.len() > 1 {
                *strips = joined;
                group.push(band);
                continue;
            }
        }
        groups.push((Strips::of(band.iter()), vec![band]));
    }
    groups.into_iter().map(|(_, bands)| bands).collect()
}

/// Whether the columns' cells begin on common base lines and are no columns of running text.
fn is_table(bands: &[Vec<Block>], gutters: &Strips) -> bool {
    let (mut shared, mut aligned) = (0, 0);
    for band in bands {
        // Where each column begins in this band.
        let mut begins: Vec<Option<(f32, f32)>> = vec![None; gutters.columns.len()];
        for block in band {
            let begin = &mut begins[gutters.index(block)];
            if begin.is_none_or(|(base, _)| block.first_base() < base) {
                *begin = Some((block.first_base(), block.size));
            }
        }
        let mut begins: Vec<(f32, f32)> = begins.into_iter().flatten().collect();
        if begins.len() < 2 {
            continue;
        }
        shared += 1;
        begins.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = begins
            .iter()
            .map(|(_, size)| *size)
            .fold(f32::INFINITY, f32::min);
        let aligns = begins
            .windows(2)
            .any(|pair| pair[1].0 - pair[0].0 <= 0.3 * size);
        aligned += usize::from(aligns);
    }
    let width = gutters.right() - gutters.left();
    let prose = (0..gutters.columns.len()).filter(|&index| {
        let lines = || {
            let blocks = bands.iter().flatten();
            blocks
                .filter(|block| gutters.index(block) == index)
                .flat_map(|block| &block.lines)
        };
        let (left, right, _) = gutters.columns[index];
        right - left >= PROSE_WIDTH * width
            && lines().count() >= PROSE_LINES
            && words_a_line(lines()) >= PROSE_WORDS
    });
    shared > 0 && aligned * 2 >= shared && prose.count() < 2
}

/// The columns that blocks leave when looked at from above: left edge, right edge, font's size.
#[derive(Clone, Debug, Default)]
struct Strips {
    /// From left to right, apart by [`COLUMN_GAP`].
    columns: Vec<(f32, f32, f32)>,
}

impl Strips {
    fn of<'a>(blocks: impl Iterator<Item = &'a Block>) -> Self {
        let mut strips = Self::default();
        blocks.for_each(|block| strips.add(block));
        strips
    }

    fn add(&mut self, block: &Block) {
        let (mut left, mut right, mut size) = (block.left, block.right, block.size);
        let gap = |size: f32| COLUMN_GAP * size;
        let from = self
            .columns
            .partition_point(|&(_, edge, own)| edge + gap(own.min(size)) <= left);
        let mut to = from;
        while to < self.columns.len()
            && self.columns[to].0 - gap(size.min(self.columns[to].2)) < right
        {
            left = left.min(self.columns[to].0);
            right = right.max(self.columns[to].1);
            size = size.max(self.columns[to].2);
            to += 1;
        }
        self.columns.splice(from..to, [(left, right, size)]);
    }

    /// The column a block of these strips lies in.
    fn index(&self, block: &Block) -> usize {
        self.columns
            .partition_point(|&(_, right, _)| right < block.left)
            .min(self.columns.len().saturating_sub(1))
    }

    fn left(&self) -> f32 {
        self.columns.first().map_or(0.0, |column| column.0)
    }

    fn right(&self) -> f32 {
        self.columns.last().map_or(0.0, |column| column.1)
    }
}
