//! Drawing a PDF's page with `hayro`. Runs in the child only: what happens here may exhaust memory
//! or never end. Knows nothing of where the picture goes.

use app::model::material::FailureKind;
use hayro::{
    PixmapSettings, RenderCache, RenderSettings,
    hayro_interpret::InterpreterSettings,
    hayro_syntax::{LoadPdfError, Pdf, page::Page},
    render,
    vello_cpu::{Pixmap, color::palette::css::WHITE},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tallest picture, in pixels: a page six times as tall as wide at the largest width.
const HEIGHT_MAX: f32 = 10_800.0;
/// Added to the width before it is scaled and cut to whole pixels, so that it is not cut to one less.
const ROUNDING: f32 = 0.05;

/// Opens a PDF; an owner's password alone does not lock it.
pub fn open(bytes: Vec<u8>) -> Result<Pdf, FailureKind> {
    match catch_unwind(|| Pdf::new(bytes)) {
        Ok(Ok(pdf)) => Ok(pdf),
        Ok(Err(LoadPdfError::Decryption(_))) => Err(FailureKind::Locked),
        Ok(Err(_)) | Err(_) => Err(FailureKind::Damaged),
    }
}

/// The page's place among the document's; `number` counts from 1.
pub fn page<'a>(pdf: &'a Pdf, number: u32) -> Result<&'a Page<'a>, FailureKind> {
    (number as usize)
        .checked_sub(1)
        .and_then(|index| pdf.pages().get(index))
        .ok_or(FailureKind::Empty)
}

/// Draws a page `width` pixels wide, on white paper.
pub fn draw(page: &Page<'_>, width: u32) -> Result<Pixmap, FailureKind> {
    let (page_width, page_height) = page.render_dimensions();
    #[allow(clippy::cast_precision_loss)]
    let scale = (width as f32 + ROUNDING) / page_width;
    if !scale.is_finite() || scale <= 0.0 || page_height * scale < 1.0 {
        return Err(FailureKind::Damaged);
    }
    if page_height * scale > HEIGHT_MAX {
        return Err(FailureKind::GaveUp);
    }
    catch_unwind(AssertUnwindSafe(|| {
        render(
            page,
            &RenderCache::new(),
            &InterpreterSettings::default(),
            &RenderSettings::default(),
            &PixmapSettings {
                x_scale: scale,
                y_scale: scale,
                bg_color: WHITE,
            },
        )
    }))
    .map_err(|_| FailureKind::Damaged)
}

/// A picture as PNG: in shades of grey where there is no colour, which is most pages of text and
/// a third of the bytes.
pub fn png(picture: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let pixels = picture.data();
    let is_grey = pixels
        .iter()
        .all(|pixel| pixel.r == pixel.g && pixel.g == pixel.b);
    let (color, samples): (_, Vec<u8>) = if is_grey {
        let grey = pixels.iter().map(|pixel| pixel.r).collect();
        (png::ColorType::Grayscale, grey)
    } else {
        let rgb = pixels
            .iter()
            .flat_map(|pixel| [pixel.r, pixel.g, pixel.b])
            .collect();
        (png::ColorType::Rgb, rgb)
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(
        &mut bytes,
        u32::from(picture.width()),
        u32::from(picture.height()),
    );
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&samples)?;
    writer.finish()?;
    Ok(bytes)
}
