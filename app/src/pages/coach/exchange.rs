//! Stored messages as pairs: a question and the answer it got. Pure values.

use crate::model::{
    coach::{Author, Message, MessageState},
    id::MessageId,
};

/// One question and its answer. Either may be missing: a server that died left no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    pub question: Option<Message>,
    pub answer: Option<Message>,
}

impl Exchange {
    /// Tells exchanges apart in a list.
    pub fn key(&self) -> Option<MessageId> {
        self.question
            .as_ref()
            .or(self.answer.as_ref())
            .map(|message| message.id)
    }

    /// Whether the answer is still to come, as far as the server knew.
    pub fn is_unfinished(&self) -> bool {
        self.answer
            .as_ref()
            .is_none_or(|answer| answer.state == MessageState::Partial)
    }
}

/// Pairs up the messages of a conversation, oldest first.
pub fn exchanges(messages: Vec<Message>) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for message in messages {
        match message.author {
            Author::Student => exchanges.push(Exchange {
                question: Some(message),
                answer: None,
            }),
            Author::Coach => match exchanges.last_mut() {
                Some(open) if open.answer.is_none() => open.answer = Some(message),
                _ => exchanges.push(Exchange {
                    question: None,
                    answer: Some(message),
                }),
            },
        }
    }
    exchanges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u128, author: Author) -> Message {
        Message {
            id: MessageId::new(uuid::Uuid::from_u128(number)),
            author,
            state: MessageState::Complete,
            text: "text".into(),
            narrowed: None,
            html: String::new(),
            provider: String::new(),
            problem: None,
            note: None,
            passages: Vec::new(),
            citations: Vec::new(),
            created_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_question_without_an_answer_keeps_its_place() {
        let pairs = exchanges(vec![
            message(1, Author::Student),
            message(2, Author::Student),
            message(3, Author::Coach),
            message(4, Author::Coach),
        ]);
        let shape: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.question.is_some(), pair.answer.is_some()))
            .collect();
        assert_eq!(shape, [(true, false), (true, true), (false, true)]);
    }
}
