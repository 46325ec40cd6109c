//! Names a student sees, made from the name a browser sent: which may be a path, hold control or
//! direction characters, or be nothing at all. Never used to name a file on disk.

use app::model::material::TITLE_MAX_CHARS;

/// Longest file name kept, in characters.
const FILE_NAME_MAX_CHARS: usize = 255;
/// Longest ending that is taken for an extension, in characters.
const EXTENSION_MAX_CHARS: usize = 10;
/// For a file that came without a usable name.
const NAMELESS: &str = "Untitled";

/// The last part of the path, without characters that hide or reorder others.
pub fn file_name(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or(sent);
    let kept: String = last
        .chars()
        .filter(|c| !is_deceptive(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let name: String = kept.trim().chars().take(FILE_NAME_MAX_CHARS).collect();
    if name.trim_matches('.').is_empty() {
        NAMELESS.to_owned()
    } else {
        name
    }
}

/// A first title: the cleaned file name without its extension.
pub fn title(file_name: &str) -> String {
    let stem = match file_name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.trim().is_empty()
                && (1..=EXTENSION_MAX_CHARS).contains(&extension.chars().count())
                && extension.chars().all(char::is_alphanumeric) =>
        {
            stem
        }
        _ => file_name,
    };
    let title: String = stem.trim().chars().take(TITLE_MAX_CHARS).collect();
    if title.is_empty() {
        NAMELESS.to_owned()
    } else {
        title
    }
}

fn is_deceptive(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(c,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_hidden_characters_are_taken_off() {
        assert_eq!(file_name("C:\\notes\\heart.pdf"), "heart.pdf");
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("in\u{202e}fdp.exe\u{0}"), "infdp.exe");
        assert_eq!(file_name("a\nb.pdf"), "a b.pdf");
        assert_eq!(file_name(".."), "Untitled");
        assert_eq!(file_name(""), "Untitled");
    }

    #[test]
    fn a_title_is_the_name_without_its_extension() {
        assert_eq!(title("heart.v2.pdf"), "heart.v2");
        assert_eq!(title("Kapitel 3. Herz"), "Kapitel 3. Herz");
        assert_eq!(title(".gitignore"), ".gitignore");
        assert_eq!(title(&"x".repeat(300)).chars().count(), TITLE_MAX_CHARS);
    }
}
