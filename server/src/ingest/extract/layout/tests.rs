//! Pages as a reader sees them, from glyphs placed by hand.

use super::*;
use proptest::prelude::*;

/// Draws `text` in a font of `size`, every letter half as wide as it is high.
fn draw(glyphs: &mut Vec<Glyph>, x: f32, y: f32, size: f32, text: &str) {
    for (index, char) in text.chars().enumerate() {
        glyphs.push(Glyph {
            char,
            x: x + index as f32 * size / 2.0,
            y,
            advance: size / 2.0,
            size,
            turn: Turn::Right,
        });
    }
}

fn drawn(parts: &[(f32, f32, f32, &str)]) -> Page {
    let mut glyphs = Vec::new();
    for (x, y, size, text) in parts {
        draw(&mut glyphs, *x, *y, *size, text);
    }
    glyphs.reverse();
    read(&glyphs).unwrap()
}

fn page(parts: &[(f32, f32, f32, &str)]) -> String {
    drawn(parts).text
}

#[test]
fn a_page_is_named_by_what_stands_over_it_in_larger_letters() {
    let body = "The heart pumps blood through the body all day long.";
    let slide = drawn(&[
        (500.0, 800.0, 8.0, "12 May"),
        (50.0, 760.0, 24.0, "The cardiac"),
        (50.0, 735.0, 24.0, "cycle"),
        (50.0, 710.0, 20.0, "in six phases"),
        (50.0, 600.0, 14.0, body),
        (50.0, 580.0, 14.0, body),
    ]);
    assert_eq!(slide.title.as_deref(), Some("The cardiac cycle"));
    // Plain text, a cover, a number in large letters, and large letters at the foot name nothing.
    for parts in [
        &[
            (50.0, 760.0, 12.0, "The cardiac cycle"),
            (50.0, 700.0, 12.0, body),
        ][..],
        &[
            (50.0, 760.0, 40.0, "The cardiac cycle"),
            (50.0, 100.0, 12.0, "May 2026"),
        ],
        &[(50.0, 760.0, 40.0, "12"), (50.0, 700.0, 12.0, body)],
        &[
            (50.0, 760.0, 12.0, body),
            (50.0, 700.0, 12.0, body),
            (50.0, 640.0, 12.0, body),
            (50.0, 100.0, 30.0, "Questions welcome"),
        ],
    ] {
        assert_eq!(drawn(parts).title, None, "{parts:?}");
    }
}

#[test]
fn words_are_told_apart_by_gaps_although_no_space_is_drawn() {
    let text = page(&[(50.0, 700.0, 10.0, "Heart"), (78.0, 700.0, 10.0, "beat")]);
    assert_eq!(text, "Heart beat");
}

#[test]
fn two_columns_are_read_one_after_the_other_under_their_title() {
    let mut parts = vec![(50.0, 760.0, 20.0, "A title over both of the columns")];
    let left: Vec<String> = (0..12)
        .map(|n| format!("left words in line {n:02} here"))
        .collect();
    let right: Vec<String> = (0..12)
        .map(|n| format!("more right words of {n:02} too"))
        .collect();
    for (n, (left, right)) in left.iter().zip(&right).enumerate() {
        let y = 700.0 - 12.0 * n as f32;
        parts.push((50.0, y, 10.0, left));
        // The gutter is hardly wider than a space.
        parts.push((50.0 + 5.0 * left.len() as f32 + 10.0, y, 10.0, right));
    }
    let expected = format!(
        "A title over both of the columns\n\n{}\n\n{}",
        left.join("\n"),
        right.join("\n")
    );
    assert_eq!(page(&parts), expected);
}

#[test]
fn a_table_is_read_row_by_row() {
    let mut parts = Vec::new();
    for (n, (name, value, unit)) in [
        ("Stroke volume", "70", "ml"),
        ("Heart rate", "72", "1/min"),
        ("Output", "5.0", "l/min"),
    ]
    .into_iter()
    .enumerate()
    {
        let y = 700.0 - 12.0 * n as f32;
        parts.extend([
            (50.0, y, 10.0, name),
            (200.0, y, 10.0, value),
            (300.0, y, 10.0, unit),
        ]);
    }
    assert_eq!(
        page(&parts),
        "Stroke volume  70  ml\nHeart rate  72  1/min\nOutput  5.0  l/min"
    );
}

#[test]
fn a_term_stands_before_its_definition() {
    let text = page(&[
        (50.0, 700.0, 10.0, "artery:"),
        (200.0, 700.0, 10.0, "A vessel that carries blood away"),
        (200.0, 688.0, 10.0, "from the heart."),
        (50.0, 660.0, 10.0, "vein:"),
        (200.0, 660.0, 10.0, "A vessel that carries blood back"),
        (200.0, 648.0, 10.0, "to the heart."),
    ]);
    assert_eq!(
        text,
        "artery:\nA vessel that carries blood away\nfrom the heart.\nvein:\nA vessel that carries blood back\nto the heart."
    );
}

#[test]
fn small_and_displaced_letters_stay_in_their_word() {
    let text = page(&[
        (50.0, 700.0, 10.0, "CO"),
        (60.0, 697.0, 6.0, "2"),
        (70.0, 700.0, 10.0, "rises"),
        (50.0, 660.0, 10.0, "T"),
        (54.0, 658.0, 10.0, "E"),
        (58.0, 660.0, 10.0, "X"),
    ]);
    assert_eq!(text, "CO2 rises\n\nTEX");
}

#[test]
fn a_drop_capital_belongs_to_its_first_line() {
    let text = page(&[
        (50.0, 680.0, 30.0, "T"),
        (70.0, 692.0, 10.0, "oday we look at the heart"),
        (70.0, 680.0, 10.0, "We see what it does all day"),
    ]);
    assert_eq!(
        text,
        "Today we look at the heart\nWe see what it does all day"
    );
}

#[test]
fn turned_text_is_read_along_its_own_line_and_after_the_rest() {
    let mut glyphs = Vec::new();
    draw(&mut glyphs, 50.0, 700.0, 10.0, "A diagram of the heart");
    for (index, char) in "Pressure".chars().enumerate() {
        glyphs.push(Glyph {
            char,
            x: 40.0,
            y: 500.0 + 5.0 * index as f32,
            advance: 0.0,
            size: 10.0,
            turn: Turn::of_degrees(90.0),
        });
    }
    assert_eq!(
        read(&glyphs).unwrap().text,
        "A diagram of the heart\n\nPressure"
    );
}

#[test]
fn hebrew_is_read_from_the_right() {
    let text = page(&[(50.0, 700.0, 10.0, ".םלוע ,1 םולש")]);
    assert_eq!(bidi::unmarked(&text), "שלום 1, עולם.");
}

#[test]
fn glyphs_drawn_twice_for_boldness_count_once() {
    let text = page(&[(50.0, 700.0, 10.0, "bold"), (50.3, 700.0, 10.0, "bold")]);
    assert_eq!(text, "bold");
}

proptest! {
    #[test]
    fn no_letter_is_lost_wherever_it_stands(
        places in proptest::collection::vec((0.0_f32..600.0, 0.0_f32..800.0, 1.0_f32..40.0, 0.0_f32..360.0), 0..120)
    ) {
        // Each letter its own, so that none is taken for the same one drawn twice.
        let glyphs: Vec<Glyph> = places
            .iter()
            .enumerate()
            .map(|(index, &(x, y, size, degrees))| Glyph {
                char: char::from_u32(0x4e00 + index as u32).unwrap(),
                x,
                y,
                advance: size / 2.0,
                size,
                turn: Turn::of_degrees(degrees),
            })
            .collect();
        let mut letters: Vec<char> = read(&glyphs).unwrap().text.chars().filter(|c| !c.is_whitespace()).collect();
        letters.sort_unstable();
        prop_assert_eq!(letters, glyphs.iter().map(|g| g.char).collect::<Vec<_>>());
    }
}

#[test]
fn places_that_are_no_numbers_are_left_out() {
    let mut glyphs = Vec::new();
    draw(&mut glyphs, 50.0, 700.0, 10.0, "ok");
    draw(&mut glyphs, f32::NAN, 700.0, 10.0, "x");
    draw(&mut glyphs, 1.0e30, f32::INFINITY, 10.0, "y");
    assert_eq!(read(&glyphs).unwrap().text, "ok");
}
