//! `/api/docs`: the API's description for people, drawn from the same document as
//! `/api/openapi.json`. It loads its own style sheet and nothing else.

use super::openapi::DOCUMENT;
use crate::http::problem::escaped;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use std::sync::LazyLock;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// The site's colours and sizes, and what this page makes of them.
const STYLE: &str = concat!(
    include_str!("../../../../style/tokens.css"),
    include_str!("../../../../style/docs.css")
);
/// Methods in the order of an address's operations.
const METHODS: [&str; 3] = ["get", "post", "delete"];

static PAGE: LazyLock<String> = LazyLock::new(|| drawn(&DOCUMENT));

/// `GET /api/docs`.
pub async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, PAGE.as_str()).into_response()
}

/// `GET /api/docs.css`.
pub async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, STYLE).into_response()
}

fn drawn(api: &Value) -> String {
    let info = &api["info"];
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>API - Studyin</title>\
         <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><main>\
         <p><a href=\"/\">Studyin</a></p><h1>API</h1>{}\
         <p>The same for programs: <a href=\"/api/openapi.json\">OpenAPI document</a>, version {}.</p>",
        prose(text(&info["description"])),
        escaped(text(&info["version"])),
    );
    for (path, item) in entries(&api["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                page += &operation_of(method, path, operation);
            }
        }
    }
    page += "<h2>Objects</h2>";
    for (name, schema) in entries(&api["components"]["schemas"]) {
        page += &object_of(name, schema);
    }
    page + "</main></body></html>"
}

fn operation_of(method: &str, path: &str, operation: &Value) -> String {
    let mut html = format!(
        "<section><h2>{}</h2><p class=\"address\"><strong>{}</strong> <code>{}</code></p>{}",
        escaped(text(&operation["summary"])),
        method.to_uppercase(),
        escaped(path),
        prose(text(&operation["description"])),
    );
    let parameters: String = list(&operation["parameters"])
        .iter()
        .map(|one| {
            row(
                text(&one["name"]),
                &kind(&one["schema"]),
                text(&one["description"]),
            )
        })
        .collect();
    if !parameters.is_empty() {
        html += &format!("<h3>Parameters</h3><dl>{parameters}</dl>");
    }
    for (media_type, content) in entries(&operation["requestBody"]["content"]) {
        html += &format!(
            "<h3>Body</h3><p><code>{}</code>: {}</p>",
            escaped(media_type),
            kind(&content["schema"])
        );
    }
    html += "<h3>Answers</h3><dl>";
    for (status, answer) in entries(&operation["responses"]) {
        let body = entries(&answer["content"])
            .next()
            .map(|(_, content)| kind(&content["schema"]))
            .unwrap_or_default();
        html += &row(status, &body, text(&answer["description"]));
    }
    html + "</dl></section>"
}

fn object_of(name: &str, schema: &Value) -> String {
    let required = list(&schema["required"]);
    let mut html = format!(
        "<section id=\"{0}\"><h3>{0}</h3>{1}",
        escaped(name),
        prose(text(&schema["description"]))
    );
    let properties: String = entries(&schema["properties"])
        .map(|(name, property)| {
            let optional = !required.iter().any(|one| one == name);
            let kind = kind(property) + if optional { ", optional" } else { "" };
            row(name, &kind, text(&property["description"]))
        })
        .collect();
    if properties.is_empty() {
        html += &format!("<p>{}</p>", kind(schema));
    } else {
        html += &format!("<dl>{properties}</dl>");
    }
    html + "</section>"
}

/// A term with its kind (HTML) and its meaning (text).
fn row(term: &str, kind: &str, meaning: &str) -> String {
    format!(
        "<div><dt><code>{}</code> <span>{kind}</span></dt><dd>{}</dd></div>",
        escaped(term),
        escaped(meaning)
    )
}

/// What a schema allows, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|reference| reference.rsplit('/').next())
    {
        return format!("<a href=\"#{0}\">{0}</a>", escaped(name));
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        let kinds: Vec<String> = list(&schema[several]).iter().map(kind).collect();
        if !kinds.is_empty() {
            return kinds.join(" or ");
        }
    }
    let mut words = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one).to_owned(),
    };
    if schema["items"].is_object() {
        words += &format!(" of {}", kind(&schema["items"]));
    }
    if let Some(format) = schema["format"].as_str() {
        words += &format!(" ({})", escaped(format));
    }
    let choices: Vec<String> = list(&schema["enum"])
        .iter()
        .map(|choice| escaped(text(choice)))
        .collect();
    if !choices.is_empty() {
        words += &format!(": {}", choices.join(", "));
    }
    let bounds = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters from"),
        ("maxLength", "characters to"),
        ("maxItems", "items to"),
        ("default", "usually"),
    ];
    for (key, meaning) in bounds {
        if let Some(bound) = schema.get(key) {
            words += &format!(", {meaning} {}", escaped(&bound.to_string()));
        }
    }
    words
}

/// Paragraphs of text in which only `code` is marked.
fn prose(text: &str) -> String {
    text.split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| {
            let pieces: String = paragraph
                .split('`')
                .enumerate()
                .map(|(number, piece)| match number % 2 {
                    0 => escaped(piece),
                    _ => format!("<code>{}</code>", escaped(piece)),
                })
                .collect();
            format!("<p>{pieces}</p>")
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_address_and_loads_nothing_from_elsewhere() {
        for (path, _) in entries(&DOCUMENT["paths"]) {
            assert!(PAGE.contains(&escaped(path)), "{path}");
        }
        for foreign in ["http://", "https://", "<script", "style="] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
    }
}
