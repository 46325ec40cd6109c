use super::*;

fn print(material: u128, revision: i64) -> Print {
    Print {
        material: Uuid::from_u128(material),
        revision,
        passages: 1,
        settled: 1,
    }
}

fn passage(id: i64, material: u128, text: &str) -> Searched {
    let vector = [1.0_f32, id as f32].map(|x| x / (1.0 + id as f32 * id as f32).sqrt());
    Searched {
        id,
        material: Uuid::from_u128(material),
        page_first: id,
        page_last: id,
        section: (id == 3).then(|| "Ventricles".to_owned()),
        text: text.to_owned(),
        vector: Some(vector.iter().flat_map(|x| x.to_le_bytes()).collect()),
    }
}

fn library(prints: &[Print], passages: &[Searched]) -> Library {
    let mut library = Library::new(2);
    library
        .add(prints, passages, &mut Reader::default())
        .unwrap();
    library.finish();
    library
}

fn found(library: &Library, term: &str) -> Vec<i64> {
    let scores = library.word_scores(&[term.to_owned()]);
    let mut best = library.best(&scores, 10, None);
    best.sort_unstable_by(|left, right| right.1.total_cmp(&left.1));
    best.iter().map(|(row, _)| library.chunk(*row)).collect()
}

#[test]
fn what_changed_is_read_anew_and_the_rest_is_kept() {
    let before = library(
        &[print(1, 1), print(2, 1), print(3, 1)],
        &[
            passage(1, 1, "heart"),
            passage(2, 2, "old lung"),
            passage(5, 3, "bread"),
        ],
    );
    // The first is as it was, the second has a new text, the third is gone, the fourth is new.
    let prints = [print(1, 1), print(2, 2), print(4, 1)];
    let changed = before.changed(&prints);
    assert_eq!(changed, [print(2, 2), print(4, 1)]);
    let mut after = before.retained(&prints);
    let new = [passage(2, 2, "new lung"), passage(6, 4, "chess")];
    after.add(&changed, &new, &mut Reader::default()).unwrap();
    after.finish();
    assert_eq!(after.len(), 3);
    assert!(found(&after, "old").is_empty() && found(&after, "bread").is_empty());
    assert_eq!(found(&after, "new"), [2]);
    assert_eq!(found(&after, "heart"), [1]);
    assert_eq!(found(&after, "chess"), [6]);
    assert!(after.changed(&prints).is_empty());
    let nearest = after.nearest(&[0.0, 1.0], 3, None);
    let best = nearest
        .list
        .iter()
        .max_by(|left, right| left.cosine.total_cmp(&right.cosine));
    assert_eq!(after.chunk(best.unwrap().row), 6);
}

#[test]
fn a_passage_is_found_by_the_title_it_stands_under() {
    let library = library(
        &[print(1, 1)],
        &[passage(2, 1, "one"), passage(3, 1, "two")],
    );
    assert_eq!(found(&library, "ventricl"), [3]);
}

#[test]
fn a_vector_of_another_length_is_an_error() {
    let mut library = Library::new(3);
    let added = library.add(
        &[print(1, 1)],
        &[passage(2, 1, "one")],
        &mut Reader::default(),
    );
    assert!(added.is_err());
}
