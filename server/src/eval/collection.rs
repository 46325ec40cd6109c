//! A collection as retrieval research writes it: documents and questions as JSON lines.

use super::EvalError;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

/// Longest line read: a document far above any in use.
const LINE_MAX_BYTES: u64 = 16 << 20;

/// A line of `corpus.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Document {
    pub id: String,
    pub text: String,
}

/// A line of `queries.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    pub text: String,
    /// Ids of the documents that answer it, all equally well.
    pub relevant: Vec<String>,
}

/// Documents and what is asked of them.
#[derive(Clone, Debug)]
pub struct Collection {
    pub documents: Vec<Document>,
    pub questions: Vec<Question>,
}

impl Collection {
    /// Reads a folder's two files.
    ///
    /// # Errors
    /// When one cannot be read, a line is none of what is expected, or nothing is left to ask.
    pub fn read(folder: &Path) -> Result<Self, EvalError> {
        let documents: Vec<Document> = lines(&folder.join("corpus.jsonl"))?;
        let mut questions: Vec<Question> = lines(&folder.join("queries.jsonl"))?;
        questions.retain(|question| !question.relevant.is_empty());
        if documents.is_empty() {
            return Err(EvalError::Empty("There are no documents."));
        }
        if questions.is_empty() {
            return Err(EvalError::Empty(
                "There are no questions with relevant documents.",
            ));
        }
        Ok(Self {
            documents,
            questions,
        })
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, EvalError> {
    let in_vain = |error| EvalError::File(path.to_owned(), error);
    let mut file = BufReader::new(File::open(path).map_err(in_vain)?);
    let mut list = Vec::new();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let mut bounded = file.by_ref().take(LINE_MAX_BYTES);
        if bounded.read_line(&mut line).map_err(in_vain)? == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        list.push(
            serde_json::from_str(&line).map_err(|error| EvalError::Line {
                file: path.to_owned(),
                line: number,
                problem: error.to_string(),
            })?,
        );
    }
    Ok(list)
}
