//! Pages as pictures, for text to be recognised in them: photographs and scans as they are, pages of
//! a PDF as `hayro` draws them. Grey, upright, of bounded size. Recognises nothing itself.

use super::{Failure, PICTURE_MAX_PIXELS, PageWriter, Stop};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hayro::{
    PixmapSettings, RenderCache, RenderSettings, hayro_interpret::InterpreterSettings,
    hayro_syntax::Pdf, render, vello_cpu::color::palette::css::WHITE,
};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, Limits, imageops::FilterType};
use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Longest side of a picture that is opened, in pixels: a page of A3 at 1,200 dots an inch.
const SIDE_MAX: u32 = 20_000;
/// Most bytes a picture may take while it is opened: less than half the address space.
const OPENING_MAX_BYTES: u64 = 400 * 1024 * 1024;
/// Dots an inch a page is drawn with, if that many pixels are allowed.
const DOTS_PER_INCH: f32 = 300.0;
/// Points an inch, a PDF's measure.
const POINTS_PER_INCH: f32 = 72.0;
/// Share of pixels (one in this many) that must be dark for a page to show anything.
const INK_ONE_IN: usize = 20_000;
/// Brighter pixels are paper.
const PAPER: u8 = 160;

pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// Row by row, 0 is black.
    grey: Vec<u8>,
}

impl Picture {
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.grey)
    }

    fn shows_something(&self) -> bool {
        let dark = self.grey.iter().filter(|&&pixel| pixel < PAPER).count();
        dark > self.grey.len() / INK_ONE_IN
    }

    fn of(image: GrayImage) -> Self {
        let (width, height) = image.dimensions();
        Self {
            width,
            height,
            grey: image.into_raw(),
        }
    }
}

/// Writes a picture file as a document of one page.
pub fn read(bytes: &[u8], out: &mut PageWriter) -> Result<u32, Stop> {
    let picture = open(bytes)?;
    if !out.wants_pictures {
        return Err(Failure::scanned().into());
    }
    out.picture(1, 1, &picture)?;
    Ok(1)
}

fn open(bytes: &[u8]) -> Result<Picture, Failure> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(OPENING_MAX_BYTES);
    let opened = catch_unwind(|| {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        reader.limits(limits);
        let mut decoder = reader.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut image = DynamicImage::from_decoder(decoder)?;
        // A telephone stores pictures as its sensor lies and says how it was held.
        image.apply_orientation(orientation);
        Ok::<_, image::ImageError>(image)
    });
    match opened {
        Ok(Ok(image)) => Ok(Picture::of(shrink(on_paper(image)))),
        Ok(Err(image::ImageError::Limits(_))) => Err(Failure::too_large_picture()),
        Ok(Err(_)) | Err(_) => Err(Failure::damaged()),
    }
}

/// Grey, with what is transparent as white.
fn on_paper(image: DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.into_luma8();
    }
    let mut grey = image.into_luma_alpha8();
    for pixel in grey.pixels_mut() {
        let [shade, alpha] = pixel.0.map(u16::from);
        let mixed = (shade * alpha + 255 * (255 - alpha)) / 255;
        pixel.0[0] = u8::try_from(mixed).unwrap_or(u8::MAX);
    }
    DynamicImage::ImageLumaA8(grey).into_luma8()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn shrink(image: GrayImage) -> GrayImage {
    let (width, height) = image.dimensions();
    let pixels = width as usize * height as usize;
    if pixels <= PICTURE_MAX_PIXELS {
        return image;
    }
    let scale = (PICTURE_MAX_PIXELS as f64 / pixels as f64).sqrt();
    let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    image::imageops::resize(&image, scaled(width), scaled(height), FilterType::Triangle)
}

/// Draws pages of one PDF, which it opens when the first is asked for.
#[derive(Default)]
pub struct Painter {
    pdf: Option<Option<Pdf>>,
}

impl Painter {
    /// The page's picture, if it can be drawn and shows anything; `page` counts from 1.
    pub fn page(&mut self, bytes: &[u8], page: u32) -> Option<Picture> {
        let open = || {
            catch_unwind(|| Pdf::new(bytes.to_vec()).ok())
                .ok()
                .flatten()
        };
        let pdf = self.pdf.get_or_insert_with(open).as_ref()?;
        let drawn = catch_unwind(AssertUnwindSafe(|| draw(pdf, page)));
        drawn.ok().flatten().filter(Picture::shows_something)
    }
}

#[allow(clippy::cast_precision_loss)]
fn draw(pdf: &Pdf, page: u32) -> Option<Picture> {
    let page = pdf.pages().get(page as usize - 1)?;
    let (width, height) = page.render_dimensions();
    let full = DOTS_PER_INCH / POINTS_PER_INCH;
    let allowed = (PICTURE_MAX_PIXELS as f32 / (width * height)).sqrt();
    // A little less, so that rounding up stays within the limit.
    let scale = full.min(allowed * 0.999);
    let side = width.max(height) * scale;
    if !scale.is_finite() || scale <= 0.0 || !(1.0..=f32::from(u16::MAX)).contains(&side) {
        return None;
    }
    let pixmap = render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        },
    );
    // Luma as video weighs it; the paper is opaque, so nothing is premultiplied.
    let grey = pixmap.data().iter().map(|pixel| {
        let [r, g, b] = [pixel.r, pixel.g, pixel.b].map(u32::from);
        u8::try_from((r * 299 + g * 587 + b * 114) / 1_000).unwrap_or(u8::MAX)
    });
    let picture = Picture {
        width: u32::from(pixmap.width()),
        height: u32::from(pixmap.height()),
        grey: grey.collect(),
    };
    (picture.grey.len() <= PICTURE_MAX_PIXELS).then_some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(image: &DynamicImage) -> Vec<u8> {
        let mut bytes = Vec::new();
        image
            .write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png)
            .unwrap();
        bytes
    }

    #[test]
    fn a_large_picture_is_made_smaller_and_transparency_is_paper() {
        let clear = DynamicImage::ImageRgba8(image::RgbaImage::new(4_000, 3_000));
        let picture = open(&png(&clear)).ok().unwrap();
        assert!(picture.grey.len() <= PICTURE_MAX_PIXELS);
        assert_eq!(
            picture.grey.len(),
            (picture.width * picture.height) as usize
        );
        assert!(!picture.shows_something());
        let black = DynamicImage::ImageLuma8(GrayImage::new(10, 10));
        assert!(open(&png(&black)).ok().unwrap().shows_something());
    }

    #[test]
    fn a_picture_with_too_many_pixels_says_so_and_a_broken_one_too() {
        let wide = png(&DynamicImage::ImageLuma8(GrayImage::new(SIDE_MAX + 1, 1)));
        assert!(open(&wide).is_err_and(|failure| failure == Failure::too_large_picture()));
        let small = png(&DynamicImage::ImageLuma8(GrayImage::new(9, 9)));
        assert!(open(&small[..40]).is_err_and(|failure| failure == Failure::damaged()));
    }
}
