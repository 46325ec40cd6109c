//! Documents and conversations as pages that stand by themselves: what a student keeps for the time
//! without a connection. Only the server renders them; it says who reads and where the style is.

use crate::{
    model::{
        coach::{Author, Conversation, Message},
        id::UserId,
        material::{Material, MaterialState, PageView},
    },
    widgets::label,
};
use leptos::prelude::*;

/// What every copy begins with.
pub struct Frame<'a> {
    pub student: UserId,
    /// Address of the style sheet.
    pub style: &'a str,
}

/// Why the last page of a copy is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// So it is in the document.
    Document,
    /// The rest of the document had not been read out of its file.
    Unread,
    /// A copy holds no more pages.
    TooLong,
}

impl End {
    /// Of a copy of the first `readable` pages of a document, which holds `most` at most.
    pub fn of(material: &Material, readable: u32, most: u32) -> Self {
        let is_read =
            material.state == MaterialState::Ready || material.page_count == Some(readable);
        match readable {
            pages if pages > most => Self::TooLong,
            _ if is_read => Self::Document,
            _ => Self::Unread,
        }
    }

    /// What to say of it.
    const fn words(self) -> Option<&'static str> {
        match self {
            Self::Document => None,
            Self::Unread => Some("No more of the document had been read when you kept this copy."),
            Self::TooLong => Some("The pages behind these are not in the copy."),
        }
    }
}

/// A document's text, page after page.
pub fn material_html(
    frame: &Frame<'_>,
    material: &Material,
    pages: Vec<PageView>,
    end: End,
) -> String {
    let body = view! {
        <p class="hint">"Your copy on this device: the text only, as it was when you kept it."</p>
        {pages.into_iter().map(|page| {
            let number = page.page.to_string();
            view! {
                <section id="page-".to_owned() + &number>
                    <h2>{"Page ".to_owned() + &number}</h2>
                    <div class="reading plain">{page.text}</div>
                </section>
            }
        }).collect_view()}
        {end.words().map(|words| view! { <p class="hint">{words}</p> })}
    };
    document(frame, &material.title, body.into_any())
}

/// A conversation's questions and answers.
pub fn conversation_html(frame: &Frame<'_>, conversation: Conversation) -> String {
    let body = view! {
        <p class="hint">"Your copy on this device, as the conversation was when you kept it."</p>
        {conversation.messages.into_iter().map(|message| message_view(message).into_any()).collect_view()}
    };
    document(frame, &conversation.title, body.into_any())
}

fn message_view(message: Message) -> impl IntoView {
    let day = label::day(message.created_at);
    match message.author {
        Author::Student => view! { <p class="question">{message.text}</p> }.into_any(),
        Author::Coach if message.html.is_empty() => view! {
            <div class="reading plain">{message.text}</div>
            <p class="hint">{message.provider} ", " {day}</p>
        }
        .into_any(),
        Author::Coach => view! {
            <div class="reading" inner_html=message.html></div>
            <p class="hint">{message.provider} ", " {day}</p>
        }
        .into_any(),
    }
}

fn document(frame: &Frame<'_>, title: &str, body: AnyView) -> String {
    let page = view! {
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <meta name="student" content=frame.student.to_string() />
                <title>{title.to_owned()}</title>
                <link rel="stylesheet" href=frame.style.to_owned() />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <script type="module" src="/offline.js"></script>
            </head>
            <body>
                <main class="copy" id="main">
                    <p class="crumb"><a href="/">"Studyin"</a></p>
                    <h1>{title.to_owned()}</h1>
                    {body}
                </main>
            </body>
        </html>
    };
    "<!DOCTYPE html>".to_owned() + &page.to_html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_why_it_ends_before_its_document() {
        let reading = MaterialState::Reading {
            page: 1,
            pages: Some(2),
        };
        for (state, readable, expected) in [
            (MaterialState::Ready, 2, End::Document),
            (reading.clone(), 2, End::Document),
            (reading.clone(), 1, End::Unread),
            (MaterialState::Queued, 0, End::Unread),
            (MaterialState::Ready, 9, End::TooLong),
            (reading, 9, End::TooLong),
        ] {
            let material = Material::example(state);
            assert_eq!(End::of(&material, readable, 5), expected, "{material:?}");
        }
    }
}
