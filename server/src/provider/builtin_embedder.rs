//! (to be written)
use super::{
    EmbedError, Embedder,
    model_files::{ModelFiles, ModelProblem},
};
use async_trait::async_trait;
/// The model that comes with Studyin.
pub struct BuiltinEmbedder;
impl BuiltinEmbedder {
    /// Reads the verified files.
    pub fn load(_files: ModelFiles) -> Result<Self, ModelProblem> {
        Ok(Self)
    }
}
#[async_trait]
impl Embedder for BuiltinEmbedder {
    fn id(&self) -> &str {
        ""
    }
    fn dimension(&self) -> usize {
        384
    }
    async fn embed_documents(&self, _: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        Err(EmbedError::Stopped)
    }
    async fn embed_query(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        Err(EmbedError::Stopped)
    }
    fn count_tokens(&self, _: &str) -> usize {
        0
    }
}
