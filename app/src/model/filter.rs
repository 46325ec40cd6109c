//! What of her materials a student asks about: some documents, some tags, some pages.

use super::id::MaterialId;
use crate::error::AppError;
use serde::{Deserialize, Serialize};

/// Materials a question can be narrowed to: a semester's.
pub const MATERIALS_MAX: usize = 100;
/// Most tags of one material, and of one question: what fits on a screen.
pub const TAGS_MAX: usize = 20;
/// Most characters of a tag.
pub const TAG_MAX_CHARS: usize = 40;

/// Titles that are named in words; more are counted.
const TITLES_NAMED: usize = 3;

/// Pages from `first` to `last`, both included, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRange {
    pub first: u32,
    pub last: u32,
}

/// What is looked into; all materials unless it says otherwise. Each part narrows it further.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materials: Option<Vec<MaterialId>>,
    /// Only materials with at least one of these; any when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Only passages that touch these pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<PageRange>,
}

impl Filter {
    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// What it narrows to in words, such as `Lecture 4, pages 3 to 9`; empty when it leaves nothing
    /// out. `titles` are those of its materials.
    pub fn words(&self, titles: &[String]) -> String {
        let mut parts = Vec::new();
        if self.materials.is_some() {
            parts.push(match titles {
                [] => "no documents".to_owned(),
                [.., _] if titles.len() <= TITLES_NAMED => titles.join(", "),
                [named @ .., _] => {
                    let named = &named[..TITLES_NAMED];
                    let more = (titles.len() - TITLES_NAMED).to_string();
                    [&named.join(", "), " and ", &more, " more"].concat()
                }
            });
        }
        if !self.tags.is_empty() {
            parts.push("tagged ".to_owned() + &self.tags.join(" or "));
        }
        if let Some(PageRange { first, last }) = self.pages {
            let (first, end) = (first.to_string(), last.to_string());
            parts.push(if first == end {
                "page ".to_owned() + &first
            } else if last == u32::MAX {
                ["from page ", &first, " on"].concat()
            } else {
                ["pages ", &first, " to ", &end].concat()
            });
        }
        parts.join(", ")
    }

    /// The same within its bounds, in one order whatever order it was chosen in.
    ///
    /// # Errors
    /// [`AppError`] of kind `Invalid` saying which bound was broken.
    pub fn checked(mut self) -> Result<Self, AppError> {
        let too_many = |what: &str, most: usize| {
            AppError::invalid(["Choose at most ", &most.to_string(), " ", what, "."].concat())
        };
        if let Some(materials) = &mut self.materials {
            if materials.len() > MATERIALS_MAX {
                return Err(too_many("documents", MATERIALS_MAX));
            }
            materials.sort_unstable();
            materials.dedup();
        }
        if self.tags.len() > TAGS_MAX {
            return Err(too_many("tags", TAGS_MAX));
        }
        self.tags = tags_of(self.tags.iter().map(String::as_str));
        match self.pages {
            Some(PageRange { first, last }) if first == 0 || first > last => {
                Err(AppError::invalid(
                    "Pages count from 1, and the last one cannot come before the first.",
                ))
            }
            _ => Ok(self),
        }
    }
}

/// What a question was narrowed to, as the conversation keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowed {
    pub filter: Filter,
    /// The same in words, with the titles of that time: `Lecture 4, pages 3 to 9`.
    pub words: String,
}

/// Tags as they are stored and compared: each on one line, in lower case, shortened to
/// [`TAG_MAX_CHARS`], once, in their alphabetical order; what is blank is left out.
pub fn tags_of<'a>(written: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut tags: Vec<String> = written.into_iter().filter_map(normalised).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn normalised(tag: &str) -> Option<String> {
    let mut line = String::new();
    for word in tag.split(|c: char| c.is_whitespace() || c.is_control()) {
        if !word.is_empty() && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let short: String = line.to_lowercase().chars().take(TAG_MAX_CHARS).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> MaterialId {
        MaterialId::new(Uuid::from_u128(number))
    }

    #[test]
    fn what_was_chosen_in_another_order_is_the_same() {
        let filter = |materials: &[u128], tags: &[&str]| Filter {
            materials: Some(materials.iter().copied().map(id).collect()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pages: None,
        };
        let one = filter(&[2, 1, 2], &[" Heart ", "exam\n 2"]).checked();
        assert_eq!(one, filter(&[1, 2], &["exam 2", "HEART", " "]).checked());
    }

    #[test]
    fn a_filter_out_of_its_bounds_says_so() {
        let pages = |first, last| Filter {
            pages: Some(PageRange { first, last }),
            ..Filter::default()
        };
        assert!(pages(3, 3).checked().is_ok());
        for reversed in [pages(0, 3), pages(4, 3)] {
            assert!(reversed.checked().unwrap_err().message.contains("Pages"));
        }
        let many = Filter {
            materials: Some((0..=100).map(id).collect()),
            ..Filter::default()
        };
        assert!(
            many.checked()
                .unwrap_err()
                .message
                .contains("100 documents")
        );
    }

    #[test]
    fn a_filter_is_put_into_words() {
        let titles: Vec<String> = ["A", "B", "C", "D", "E"].map(str::to_owned).into();
        let some = |titles: &[String], tags: &[&str], pages: Option<(u32, u32)>| {
            let filter = Filter {
                materials: (!titles.is_empty()).then(Vec::new),
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                pages: pages.map(|(first, last)| PageRange { first, last }),
            };
            filter.words(titles)
        };
        assert_eq!(some(&[], &[], None), "");
        assert_eq!(some(&titles[..1], &[], Some((3, 9))), "A, pages 3 to 9");
        assert_eq!(some(&titles[..3], &[], None), "A, B, C");
        assert_eq!(some(&titles, &[], None), "A, B, C and 2 more");
        let tagged = some(&[], &["exam", "heart"], Some((4, 4)));
        assert_eq!(tagged, "tagged exam or heart, page 4");
        let on = some(&[], &[], Some((2, u32::MAX)));
        assert_eq!(on, "from page 2 on");
    }

    #[test]
    fn a_tag_is_one_short_line() {
        assert_eq!(tags_of([" Exam\t2 ", "\u{7}", "exam 2"]), ["exam 2"]);
        assert_eq!(tags_of(["x".repeat(50).as_str()])[0].len(), TAG_MAX_CHARS);
    }

    #[test]
    fn everything_is_written_as_nothing() {
        assert_eq!(serde_json::to_string(&Filter::default()).unwrap(), "{}");
        assert!(
            serde_json::from_str::<Filter>("{}")
                .unwrap()
                .is_everything()
        );
    }
}
