//! An embedder that understands nothing and costs nothing: for measuring everything around a model.
//! Words are hashed into places of a vector, so that texts sharing words are near each other.

use super::{EmbedError, Embedder};
use async_trait::async_trait;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// As many numbers as the built-in model's vectors have.
const DIMENSION: usize = 384;

/// The stub.
#[derive(Clone, Copy, Debug, Default)]
pub struct StubEmbedder;

#[async_trait]
impl Embedder for StubEmbedder {
    fn id(&self) -> &str {
        "stub/1"
    }

    fn label(&self) -> String {
        "nothing but a stub for measurements".to_owned()
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        Ok(texts.iter().map(|text| Some(vector(text))).collect())
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(vector(text))
    }

    fn count_tokens(&self, text: &str) -> usize {
        // English comes to about four tokens for three words.
        (text.split_whitespace().count() * 4).div_ceil(3)
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSION];
    for word in text.split_whitespace() {
        let mut hasher = DefaultHasher::new();
        word.to_lowercase().hash(&mut hasher);
        let hash = hasher.finish();
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        vector[(hash % DIMENSION as u64) as usize] += sign;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length == 0.0 {
        vector[0] = 1.0;
    } else {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_of_length_one_and_nearer_the_more_words_are_shared() {
        let near =
            |a: &str, b: &str| -> f32 { vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum() };
        assert!((near("", "") - 1.0).abs() < 1e-5);
        assert!((near("the heart", "The heart") - 1.0).abs() < 1e-5);
        assert!(near("the heart pumps", "the heart beats") > near("the heart pumps", "a lung"));
    }
}
