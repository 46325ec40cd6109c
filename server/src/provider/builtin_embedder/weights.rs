//! The weights of the model, read from `model.safetensors` and laid out for the forward pass.
//!
//! The layers' matrices are turned into panels of 16-bit integers (21 MB) once, as the products
//! read them. The word table (47 MB) stays in the mapped file, of which only the rows in use ever
//! come into memory.

use super::{
    super::model_files::ModelProblem,
    kernels::{Dense, Norm},
};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::ops::Range;

/// Numbers per token.
pub const HIDDEN: usize = 384;
/// Numbers per token inside the feed-forward part.
pub const INTERMEDIATE: usize = 1_536;
/// Transformer layers.
pub const LAYERS: usize = 6;
/// Words the tokenizer knows.
const VOCABULARY: usize = 30_522;
/// Positions the model was trained with.
const POSITIONS: usize = 512;
/// Token types: only the first is used by single texts.
const TYPES: usize = 2;

/// One transformer layer.
pub struct Layer {
    /// Query, key and value side by side: `HIDDEN` to `3 * HIDDEN`.
    pub attention_in: Dense,
    pub attention_out: Dense,
    pub attention_norm: Norm,
    pub widen: Dense,
    pub narrow: Dense,
    pub output_norm: Norm,
}

/// All weights.
pub struct Weights {
    file: Mmap,
    words: Range<usize>,
    /// Position and token type together, one row per position.
    positions: Vec<f32>,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
}

impl Weights {
    /// Reads the mapped file.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than this model's.
    pub fn read(file: Mmap) -> Result<Self, ModelProblem> {
        let tensors = Tensors(SafeTensors::deserialize(&file).map_err(malformed)?);
        let words = {
            let bytes =
                tensors.bytes("embeddings.word_embeddings.weight", &[VOCABULARY, HIDDEN])?;
            let start = bytes.as_ptr().addr() - file.as_ptr().addr();
            start..start + bytes.len()
        };
        let token_types =
            tensors.floats("embeddings.token_type_embeddings.weight", &[TYPES, HIDDEN])?;
        let mut positions = tensors.floats(
            "embeddings.position_embeddings.weight",
            &[POSITIONS, HIDDEN],
        )?;
        for row in positions.chunks_exact_mut(HIDDEN) {
            for (position, kind) in row.iter_mut().zip(&token_types) {
                *position += kind;
            }
        }
        let embedding_norm = tensors.norm("embeddings.LayerNorm")?;
        let layers = (0..LAYERS)
            .map(|number| tensors.layer(number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            words,
            positions,
            embedding_norm,
            layers,
            file,
        })
    }

    /// Writes the embedding of `token` standing at `position` into `row`.
    /// Ids come from the model's own tokenizer; an unknown one leaves the position alone in it.
    pub fn embed(&self, token: u32, position: usize, row: &mut [f32]) {
        const ROW_BYTES: usize = HIDDEN * size_of::<f32>();
        if let Some(at) = self
            .positions
            .get(position * HIDDEN..(position + 1) * HIDDEN)
        {
            row.copy_from_slice(at);
        }
        let table = &self.file[self.words.clone()];
        let start = token as usize * ROW_BYTES;
        if let Some(word) = table.get(start..start + ROW_BYTES) {
            for (x, bytes) in row.iter_mut().zip(word.as_chunks::<4>().0) {
                *x += f32::from_le_bytes(*bytes);
            }
        }
    }
}

struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    fn bytes(&self, name: &str, shape: &[usize]) -> Result<&'a [u8], ModelProblem> {
        let tensor = self.0.tensor(name).map_err(malformed)?;
        if tensor.dtype() == Dtype::F32 && tensor.shape() == shape {
            Ok(tensor.data())
        } else {
            Err(ModelProblem::Malformed(format!("{name} has another shape")))
        }
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelProblem> {
        let (numbers, _) = self.bytes(name, shape)?.as_chunks::<4>();
        Ok(numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }

    fn norm(&self, name: &str) -> Result<Norm, ModelProblem> {
        Ok(Norm {
            weight: self.floats(&format!("{name}.weight"), &[HIDDEN])?,
            shift: self.floats(&format!("{name}.bias"), &[HIDDEN])?,
        })
    }

    /// Several dense layers of the same input side by side.
    fn dense(
        &self,
        names: &[String],
        inputs: usize,
        outputs: usize,
    ) -> Result<Dense, ModelProblem> {
        let mut dense = Dense::default();
        dense.matrix.fit(inputs, outputs * names.len());
        for (index, name) in names.iter().enumerate() {
            let columns = self.floats(&format!("{name}.weight"), &[outputs, inputs])?;
            for (output, column) in columns.chunks_exact(inputs).enumerate() {
                dense.matrix.set_column(index * outputs + output, column);
            }
            dense
                .bias
                .extend(self.floats(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(dense)
    }

    fn layer(&self, number: usize) -> Result<Layer, ModelProblem> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let part = |part: &str| [name(part)];
        Ok(Layer {
            attention_in: self.dense(
                &["query", "key", "value"].map(|part| name(&format!("attention.self.{part}"))),
                HIDDEN,
                HIDDEN,
            )?,
            attention_out: self.dense(&part("attention.output.dense"), HIDDEN, HIDDEN)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            widen: self.dense(&part("intermediate.dense"), HIDDEN, INTERMEDIATE)?,
            narrow: self.dense(&part("output.dense"), INTERMEDIATE, HIDDEN)?,
            output_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}

fn malformed(error: safetensors::SafeTensorError) -> ModelProblem {
    ModelProblem::Malformed(error.to_string())
}
