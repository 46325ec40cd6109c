//! From lines to blocks: lines of like size under each other, a paragraph or a cell of a table.

use super::lines::Line;

/// Distance of the base lines of one block at most; of the font's size.
const LEADING_MAX: f32 = 1.8;
/// Fonts whose sizes differ more than this many times do not share a block.
const BLOCK_SIZES: f32 = 1.3;
/// Columns with fewer words a line on average are a table's.
const CELL_WORDS_MAX: f32 = 2.5;
/// Lines above a line that are looked at: those of a few wide rows of cells.
const LOOK_BACK: usize = 500;
/// More blocks are not compared with each other: no page of text has as many.
const COMPARED_MAX: usize = 2_000;

#[derive(Clone, Debug)]
pub struct Block {
    /// From above; never empty.
    pub lines: Vec<Line>,
    pub left: f32,
    pub right: f32,
    pub top: f32,
    pub bottom: f32,
    pub size: f32,
}

impl Block {
    fn new(lines: Vec<Line>) -> Self {
        let mut block = Self {
            left: f32::INFINITY,
            right: f32::NEG_INFINITY,
            top: f32::INFINITY,
            bottom: f32::NEG_INFINITY,
            size: 0.0,
            lines,
        };
        for line in &block.lines {
            block.left = block.left.min(line.left);
            block.right = block.right.max(line.right);
            block.top = block.top.min(line.top());
            block.bottom = block.bottom.max(line.bottom());
            block.size = block.size.max(line.size);
        }
        block
    }

    /// Its lines as text.
    pub fn text(&self, rtl: bool) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.text(rtl)).collect();
        lines.join("\n")
    }

    /// The base line it begins on.
    pub fn first_base(&self) -> f32 {
        self.lines.first().map_or(self.top, |line| line.base)
    }
}

/// Words a line holds on average.
#[allow(clippy::cast_precision_loss)]
pub fn words_a_line<'a>(lines: impl Iterator<Item = &'a Line>) -> f32 {
    let (mut words, mut count) = (0, 0);
    for line in lines {
        words += line.word_count();
        count += 1;
    }
    words as f32 / count.max(1) as f32
}

/// Gathers lines, sorted from above, into blocks.
pub fn blocks(lines: Vec<Line>) -> Vec<Block> {
    let above = lines_above(&lines);
    let mut owner: Vec<usize> = Vec::with_capacity(lines.len());
    let mut gathered: Vec<Vec<Line>> = Vec::new();
    for (line, above) in lines.into_iter().zip(above) {
        match above {
            Some(above) => {
                let block = owner[above];
                gathered[block].push(line);
                owner.push(block);
            }
            None => {
                owner.push(gathered.len());
                gathered.push(vec![line]);
            }
        }
    }
    split_tables(gathered.into_iter().map(Block::new).collect())
}

/// For each line the one it goes on from: the nearest above, if that is one alone and close, and if
/// no other line goes on from it.
fn lines_above(lines: &[Line]) -> Vec<Option<usize>> {
    let largest = lines.iter().map(|line| line.size).fold(0.0, f32::max);
    let mut above: Vec<Option<usize>> = Vec::with_capacity(lines.len());
    let mut followers = vec![0_u32; lines.len()];
    for (index, line) in lines.iter().enumerate() {
        let mut nearest: Option<usize> = None;
        let mut alone = true;
        for (candidate, upper) in lines[..index].iter().enumerate().rev().take(LOOK_BACK) {
            if line.base - upper.base > LEADING_MAX * largest {
                break;
            }
            let beside = upper.base >= line.base - 0.3 * line.size;
            if beside || line.right.min(upper.right) <= line.left.max(upper.left) {
                continue;
            }
            match nearest {
                None => nearest = Some(candidate),
                Some(known) if lines[known].base - upper.base <= 0.1 * upper.size => alone = false,
                Some(_) => break,
            }
        }
        let fits = |upper: &Line| {
            let (large, small) = (line.size.max(upper.size), line.size.min(upper.size));
            line.base - upper.base <= LEADING_MAX * large && large <= BLOCK_SIZES * small
        };
        let found = nearest.filter(|&upper| alone && fits(&lines[upper]));
        if let Some(upper) = found {
            followers[upper] += 1;
        }
        above.push(found);
    }
    for upper in &mut above {
        *upper = upper.filter(|&upper| followers[upper] == 1);
    }
    above
}

/// Takes columns of a tightly set table apart into their lines, so that rows can be read.
fn split_tables(blocks: Vec<Block>) -> Vec<Block> {
    if blocks.len() > COMPARED_MAX {
        return blocks;
    }
    let mut is_column = vec![false; blocks.len()];
    for (index, a) in blocks.iter().enumerate() {
        for (other, b) in blocks.iter().enumerate().skip(index + 1) {
            let side_by_side = a.right.min(b.right) <= a.left.max(b.left)
                && a.bottom.min(b.bottom) > a.top.max(b.top);
            if side_by_side && a.lines.len() > 1 && b.lines.len() > 1 && are_columns(a, b) {
                is_column[index] = true;
                is_column[other] = true;
            }
        }
    }
    let mut split = Vec::with_capacity(blocks.len());
    for (block, is_column) in blocks.into_iter().zip(is_column) {
        if is_column {
            split.extend(block.lines.into_iter().map(|line| Block::new(vec![line])));
        } else {
            split.push(block);
        }
    }
    split
}

/// Whether their lines stand on common base lines and are too short for running text.
fn are_columns(a: &Block, b: &Block) -> bool {
    let near = 0.2 * a.size.min(b.size);
    let mut others = b.lines.iter().peekable();
    let mut common = 0;
    for line in &a.lines {
        while others
            .next_if(|other| other.base < line.base - near)
            .is_some()
        {}
        common += usize::from(
            others
                .peek()
                .is_some_and(|other| other.base <= line.base + near),
        );
    }
    let fewer = a.lines.len().min(b.lines.len());
    let words = words_a_line(a.lines.iter()).min(words_a_line(b.lines.iter()));
    common * 5 >= fewer * 4 && words <= CELL_WORDS_MAX
}
