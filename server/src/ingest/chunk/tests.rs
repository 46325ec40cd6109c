//! What passages promise, by example and by property.

use super::*;
use proptest::prelude::*;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn slice(page: &str, chunk: &Chunk) -> String {
    page.chars()
        .skip(chunk.char_start as usize)
        .take((chunk.char_end - chunk.char_start) as usize)
        .collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn windows_hold_whole_sentences_and_share_a_little() {
    let sentence = "The left ventricle pumps the blood into the aorta. ";
    let page = sentence.repeat(60);
    let chunks = chunk(&[page.trim().to_owned()], 1, &[], &words);
    assert!(chunks.len() > 2);
    for chunk in &chunks {
        assert!(words(&chunk.text) <= WINDOW_TOKENS);
        assert!(chunk.text.starts_with("The left") && chunk.text.ends_with("aorta."));
    }
    for pair in chunks.windows(2) {
        let shared = pair[0].char_end.saturating_sub(pair[1].char_start);
        assert!(shared > 0, "neighbours share whole sentences");
    }
}

#[test]
fn a_small_page_joins_what_it_introduces() {
    let body = "Blood flows through the vessels of the body all day long. ".repeat(5);
    let pages = vec![
        "Chapter one".to_owned(),
        String::new(),
        body.trim().to_owned(),
    ];
    let chunks = chunk(&pages, 1, &[], &words);
    assert_eq!(chunks.len(), 1);
    assert_eq!((chunks[0].page_first, chunks[0].page_last), (1, 3));
    assert!(chunks[0].text.starts_with("Chapter one\nBlood flows"));
    assert_eq!(chunks[0].char_start, 0);
}

#[test]
fn headings_and_points_of_a_list_stand_on_their_own_lines() {
    let page = "# Heart\nIt pumps\nblood.\n- left side\n- right\n  side\n\nEnd";
    let chunks = chunk(&[page.to_owned()], 1, &[], &words);
    assert_eq!(
        chunks[0].text,
        "# Heart\nIt pumps blood.\n- left side\n- right side\nEnd"
    );
}

#[test]
fn a_heading_goes_with_what_follows_it() {
    let page = format!(
        "{}\n\n# Veins\n\n{}",
        "Blood is red. ".repeat(70),
        "Veins are blue. ".repeat(30)
    );
    let chunks = chunk(&[page.trim().to_owned()], 1, &[], &words);
    assert!(chunks.iter().all(|chunk| !chunk.text.ends_with("# Veins")));
}

#[test]
fn a_section_of_some_length_is_a_passage_of_its_own() {
    let about = |what: &str| format!("{what} carry blood through the body all day. ").repeat(6);
    let page = format!(
        "# Vessels\n\n# Veins\n\n{}\n\n# Arteries\n\n{}",
        about("Veins").trim(),
        about("Arteries").trim()
    );
    let chunks = chunk(&[page], 1, &[], &words);
    assert_eq!(chunks.len(), 2);
    assert!(chunks[0].text.starts_with("# Vessels\n# Veins\nVeins"));
    assert!(chunks[1].text.starts_with("# Arteries\nArteries"));
}

#[test]
fn every_chunk_knows_its_section_and_a_batch_its_page_numbers() {
    let page = format!(
        "# Veins\n\n{}\n\n# Arteries\n\n{}",
        "Veins carry blood back to the heart again. "
            .repeat(40)
            .trim(),
        "Arteries carry blood away from the heart. "
            .repeat(40)
            .trim()
    );
    let outline = [("Veins", 7), ("Arteries", 7)].map(|(title, page)| OutlineEntry {
        level: 1,
        title: title.to_owned(),
        page,
    });
    let chunks = chunk(&[page], 7, &outline, &words);
    assert!(chunks.iter().all(|c| (c.page_first, c.page_last) == (7, 7)));
    for c in &chunks {
        let veins = c.text.matches("Veins").count();
        let arteries = c.text.matches("Arteries").count();
        let most = if veins > arteries {
            "Veins"
        } else {
            "Arteries"
        };
        assert_eq!(c.section.as_deref(), Some(most), "{}", c.text);
    }
}

#[test]
fn a_line_of_code_is_no_heading() {
    assert!(is_heading("## Heart"));
    assert!(!is_heading("#include <stdio.h>"));
    assert!(!is_heading("#"));
}

#[test]
fn nothing_makes_no_chunk() {
    assert!(chunk(&[], 1, &[], &words).is_empty());
    assert!(chunk(&[String::new(), " \n ".into()], 1, &[], &words).is_empty());
}

#[test]
fn an_endless_word_is_cut() {
    let pages = vec!["x".repeat(20_000)];
    // A tokenizer that calls any word one token.
    let chunks = chunk(&pages, 1, &[], &words);
    assert!(chunks.len() > 3);
    assert!(
        chunks
            .iter()
            .all(|c| c.text.chars().count() <= CHUNK_MAX_TOKENS * CHARS_PER_TOKEN_MAX)
    );
}

#[test]
fn a_tokenizers_own_marks_are_not_counted_for_every_piece() {
    let with_marks = |text: &str| words(text) + 2;
    let page = "One two three four. ".repeat(50);
    let pages = [page.trim().to_owned()];
    assert_eq!(
        chunk(&pages, 1, &[], &with_marks),
        chunk(&pages, 1, &[], &words)
    );
}

proptest! {
    #[test]
    fn every_character_is_in_a_chunk_and_every_chunk_is_its_span(
        raw in proptest::collection::vec("([A-Za-zäß一]{1,12}[ .\n]){0,400}|[a-z]{0,3000}|[ \n.]{0,20}", 0..6)
    ) {
        let pages = crate::ingest::clean::clean(raw);
        for count in [&words as &dyn Fn(&str) -> usize, &estimate_tokens] {
            let chunks = chunk(&pages, 1, &[], count);
            for (index, page) in pages.iter().enumerate() {
                let number = index as u32 + 1;
                let total = page.chars().count();
                let mut covered = vec![false; total];
                for c in &chunks {
                    if c.page_first <= number && number <= c.page_last {
                        let from = if c.page_first == number { c.char_start as usize } else { 0 };
                        let to = if c.page_last == number { c.char_end as usize } else { total };
                        covered[from..to].fill(true);
                    }
                }
                for (position, c) in page.chars().enumerate() {
                    prop_assert!(c.is_whitespace() || covered[position]);
                }
            }
            for c in &chunks {
                prop_assert!(!c.text.is_empty());
                prop_assert!(count(&c.text) <= CHUNK_MAX_TOKENS);
                if c.page_first == c.page_last {
                    let page = &pages[c.page_first as usize - 1];
                    prop_assert_eq!(squeezed(&slice(page, c)), squeezed(&c.text));
                }
            }
        }
    }
}
