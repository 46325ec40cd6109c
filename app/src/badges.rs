//! The achievements' badges as pixel art. The server turns the drawings into SVG markup and sends
//! it along, so that the browser's code does not carry them.

use std::fmt::Write as _;

/// Side of a badge in pixels of the drawing.
pub const SIDE: usize = 12;

type Drawing = [&'static str; SIDE];

/// The markup within the badge's `<svg viewBox="0 0 12 12">`; empty for an unknown achievement.
///
/// A row of pixels of one colour becomes one piece of a path; the style sheet colours the classes.
pub fn markup(achievement: &str) -> String {
    let Some((_, drawing)) = DRAWINGS.iter().find(|(id, _)| *id == achievement) else {
        return String::new();
    };
    ["a", "b", "c"]
        .into_iter()
        .filter_map(|colour| {
            let path = path(drawing, colour.as_bytes()[0]);
            (!path.is_empty()).then(|| format!("<path class=\"px-{colour}\" d=\"{path}\"/>"))
        })
        .collect()
}

fn path(drawing: &Drawing, colour: u8) -> String {
    let mut path = String::new();
    for (y, row) in drawing.iter().enumerate() {
        let mut x = 0;
        for run in row.as_bytes().chunk_by(|one, next| one == next) {
            if run[0] == colour {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{x} {y}h{0}v1h-{0}z", run.len());
            }
            x += run.len();
        }
    }
    path
}

/// `a` is the line, `b` the fill, `c` what glows.
const DRAWINGS: [(&str, Drawing); 13] = [
    (
        "first_question",
        [
            ".aaaaaaaaaa.",
            "aa........aa",
            "a...bbbb...a",
            "a..bb..bb..a",
            "a......bb..a",
            "a.....bb...a",
            "a....bb....a",
            "a..........a",
            "a....bb....a",
            "aa........aa",
            ".aa.aaaaaaa.",
            "..aa........",
        ],
    ),
    (
        "questions_100",
        [
            ".aaaaaaa....",
            "aa.....aa...",
            "a.b.b.b.a...",
            "a.......aaa.",
            "aa.....aa.aa",
            ".aa.aaaa...a",
            "..aab.b.b..a",
            "....a......a",
            "....aa....aa",
            ".....aaa.aa.",
            ".......aaa..",
            "............",
        ],
    ),
    (
        "first_material",
        [
            ".aaaaaaa....",
            ".a.....aa...",
            ".a.....aaa..",
            ".a.bbb...a..",
            ".a.......a..",
            ".a.bbbbb.a..",
            ".a.......a..",
            ".a.bbbbb.a..",
            ".a.......a..",
            ".a.bbb...a..",
            ".a.......a..",
            ".aaaaaaaaa..",
        ],
    ),
    (
        "materials_10",
        [
            "............",
            ".aaa........",
            ".aba.aaa....",
            ".aba.aba.aaa",
            ".aba.aba.aba",
            ".aba.aba.aba",
            ".aba.aba.aba",
            ".aba.aba.aba",
            ".aba.aba.aba",
            ".aaa.aaa.aaa",
            "aaaaaaaaaaaa",
            "............",
        ],
    ),
    (
        "pages_1000",
        [
            "............",
            ".aaaa..aaaa.",
            "aa..aaaa..aa",
            "a.bb.aa.bb.a",
            "a....aa....a",
            "a.bb.aa.bb.a",
            "a....aa....a",
            "a.bb.aa.bb.a",
            "a....aa....a",
            "aa..aaaa..aa",
            ".aaaa..aaaa.",
            "............",
        ],
    ),
    (
        "streak_3",
        [
            "............",
            "......a.....",
            ".....aa.....",
            ".....aba....",
            "....abba....",
            "...abbba.a..",
            "..abbcbbaa..",
            "..abccbbba..",
            "..abcccbba..",
            "..abcccba...",
            "...abbba....",
            "....aaa.....",
        ],
    ),
    (
        "streak_7",
        [
            ".....a......",
            "....aa......",
            "....aba.....",
            "...abba..a..",
            "..abbba.aa..",
            ".abbbbbaba..",
            ".abbcbbbbba.",
            "abbcccbbbba.",
            "abbccccbbba.",
            "abbbccbbbba.",
            ".abbbbbbba..",
            "..aaaaaaa...",
        ],
    ),
    (
        "streak_30",
        [
            "...aaaaaa...",
            ".aa..a...aa.",
            ".a..aa....a.",
            "a...aba....a",
            "a..abba.a..a",
            "a.abbbaba..a",
            "a.abcbbba..a",
            "a.abccbba..a",
            "a..abbba...a",
            ".a..aaa...a.",
            ".aa......aa.",
            "...aaaaaa...",
        ],
    ),
    (
        "streak_100",
        [
            "a..a.aa.a..a",
            "ab.abbbba.ba",
            "abbabbbbabba",
            "aaaaaaaaaaaa",
            ".....a......",
            "....aba..a..",
            "...abba.aa..",
            "..abbbbaba..",
            "..abccbbba..",
            "..abcccbba..",
            "...abbbba...",
            "....aaaa....",
        ],
    ),
    (
        "night_owl",
        [
            "....aaaa....",
            "..aabba.....",
            ".abbba...c..",
            ".abba...ccc.",
            "abbba....c..",
            "abbba.......",
            "abbbba......",
            ".abbbba...a.",
            ".abbbbbaaaa.",
            "..abbbbbba..",
            "...aabbaa...",
            ".....aa.....",
        ],
    ),
    (
        "early_bird",
        [
            ".....cc.....",
            ".c...cc...c.",
            "..c......c..",
            "....aaaa....",
            "...abbbba...",
            "..abbbbbba..",
            "c.abbbbbba.c",
            "..abbbbbba..",
            "aaaaaaaaaaaa",
            "............",
            "..cccccccc..",
            "............",
        ],
    ),
    (
        "level_5",
        [
            ".....aa.....",
            ".....aa.....",
            "....abba....",
            "....abba....",
            "aaaaabbaaaaa",
            ".abbbbbbbba.",
            "..abbbbbba..",
            "...abbbba...",
            "..abbbbbba..",
            "..abbaabba..",
            ".aaa....aaa.",
            ".a........a.",
        ],
    ),
    (
        "level_10",
        [
            ".aaaaaaaaaa.",
            "aaabbbbbbaaa",
            "a.abbbbbba.a",
            "a.abbccbba.a",
            "aaabbccbbaaa",
            "..abbbbbba..",
            "...abbbba...",
            "....abba....",
            ".....aa.....",
            ".....aa.....",
            "...aabbaa...",
            "..aaaaaaaa..",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawing_is_a_square_of_known_colours() {
        for (id, drawing) in DRAWINGS {
            for row in drawing {
                assert_eq!(row.len(), SIDE, "{id}: {row}");
                assert!(row.bytes().all(|pixel| b".abc".contains(&pixel)), "{id}");
            }
        }
    }

    #[test]
    fn a_run_of_pixels_is_one_piece_of_a_path() {
        let markup = markup("first_material");
        assert!(markup.starts_with("<path class=\"px-a\" d=\"M1 0h7v1h-7z"));
        assert!(markup.contains("class=\"px-b\"") && !markup.contains("px-c"));
        assert_eq!(super::markup("unknown"), "");
    }
}
