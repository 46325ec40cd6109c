//! The words of a page and where they are drawn, in the order they are drawn. Runs in the child
//! only, on the same interpreter as the picture, so that both agree about every turn and crop.

use super::locate::Word;
use app::model::material::FailureKind;
use hayro::{
    hayro_interpret::{
        BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
        InterpreterCache, InterpreterSettings, SoftMask, TransformExt,
        font::{Glyph, GlyphRun},
        hayro_cmap::BfString,
        interpret_page,
    },
    hayro_syntax::page::Page,
    kurbo::{Affine, BezPath, Point, Rect},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Words taken from one page; a dense one has 1,500.
const WORDS_MAX: usize = 20_000;
/// Characters of one word; longer ones are cut in two.
const WORD_MAX_CHARS: usize = 64;
/// How far letters reach below and above their line, in thousandths of the type's size.
const DESCENT: f64 = -220.0;
const ASCENT: f64 = 780.0;
/// Width of a letter whose font does not tell, likewise.
const USUAL_ADVANCE: f64 = 500.0;
/// A step between letters larger than this share of the type's size begins a word.
const WORD_GAP: f64 = 0.18;
/// What a word's box counts in.
const UNITS: f64 = 10_000.0;

/// The words on a page.
pub fn words(page: &Page<'_>) -> Result<Vec<Word>, FailureKind> {
    let (width, height) = page.render_dimensions();
    let (width, height) = (f64::from(width), f64::from(height));
    if !(width > 0.0 && height > 0.0) {
        return Err(FailureKind::Damaged);
    }
    catch_unwind(AssertUnwindSafe(|| {
        let cache = InterpreterCache::new();
        let mut context = Context::new(
            page.initial_transform(true).to_kurbo(),
            Rect::new(0.0, 0.0, width, height),
            &cache,
            page.xref(),
            InterpreterSettings::default(),
        );
        let mut collector = Collector {
            paper: (width, height),
            words: Vec::new(),
            current: None,
        };
        interpret_page(page, &mut context, &mut collector);
        collector.end_word();
        collector.words
    }))
    .map_err(|_| FailureKind::Damaged)
}

struct Collector {
    /// Width and height of the page.
    paper: (f64, f64),
    words: Vec<Word>,
    current: Option<Current>,
}

/// The word that is being drawn.
struct Current {
    text: String,
    place: Rect,
    /// Where its next letter would begin.
    next: Point,
}

impl Collector {
    fn letter(&mut self, text: &str, place: Affine, advance: f64) {
        let origin = place * Point::ZERO;
        let size = (place * Point::new(0.0, 1_000.0) - origin).hypot();
        if text.trim().is_empty() || !origin.is_finite() || size <= 0.0 {
            self.end_word();
            return;
        }
        let continues = self.current.as_ref().is_some_and(|word| {
            (word.next - origin).hypot() <= WORD_GAP * size
                && word.text.chars().count() < WORD_MAX_CHARS
        });
        if !continues {
            self.end_word();
        }
        let letter = place.transform_rect_bbox(Rect::new(0.0, DESCENT, advance, ASCENT));
        let next = place * Point::new(advance, 0.0);
        match &mut self.current {
            Some(word) => {
                word.text.push_str(text);
                word.place = word.place.union(letter);
                word.next = next;
            }
            None => {
                self.current = Some(Current {
                    text: text.to_owned(),
                    place: letter,
                    next,
                });
            }
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.current.take() else {
            return;
        };
        let paper = Rect::new(0.0, 0.0, self.paper.0, self.paper.1);
        // What is drawn beside the paper cannot be pointed at.
        if !word.place.overlaps(paper) || self.words.len() >= WORDS_MAX {
            return;
        }
        self.words.push(Word {
            text: word.text,
            left: units(word.place.x0, self.paper.0),
            top: units(word.place.y0, self.paper.1),
            right: units(word.place.x1, self.paper.0),
            bottom: units(word.place.y1, self.paper.1),
        });
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn units(position: f64, whole: f64) -> u16 {
    (position / whole * UNITS).round().clamp(0.0, UNITS) as u16
}

impl Device<'_> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        for positioned in run.glyphs() {
            let glyph: &Glyph<'_> = positioned;
            let advance = match glyph {
                Glyph::Outline(glyph) => glyph.advance_width(),
                Glyph::Type3(glyph) => glyph.advance_width(),
            };
            let advance = advance.map_or(USUAL_ADVANCE, f64::from);
            let place = props.transform * positioned.transform();
            match glyph.as_unicode() {
                Some(BfString::Char(c)) => self.letter(c.encode_utf8(&mut [0; 4]), place, advance),
                Some(BfString::String(text)) => self.letter(&text, place, advance),
                None => self.end_word(),
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
