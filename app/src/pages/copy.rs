//! Documents and conversations as pages that stand by themselves: what a student keeps for the time
//! without a connection. Only the server renders them; it says who reads and where the style is.

use crate::{
    model::{
        coach::{Author, Conversation, Message},
        id::UserId,
        material::{Material, PageView},
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

/// A document's text, page after page. `is_cut` says that it has more pages than these.
pub fn material_html(
    frame: &Frame<'_>,
    material: &Material,
    pages: Vec<PageView>,
    is_cut: bool,
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
        {is_cut.then(|| view! { <p class="hint">"The pages behind these are not in the copy."</p> })}
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
