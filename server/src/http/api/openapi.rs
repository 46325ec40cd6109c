//! `/api/openapi.json`: the API's description, made from the handlers themselves.

use super::{analytics, materials, search};
use crate::http::problem::Problem;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Response as Described, ResponseBuilder,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// What any request may be answered with, whatever it asks for.
const EVERYWHERE: [(&str, &str); 5] = [
    (
        "401",
        "There is no session and no access token, or it is not known.",
    ),
    (
        "403",
        "The access token may only read, or another site sent the request.",
    ),
    ("421", "The server does not answer under this host name."),
    ("500", "Something went wrong on the server."),
    (
        "503",
        "The server is busy, or its database or disk does not answer.",
    ),
];

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Studyin",
        description = "Your library, its search and your figures, for your own programs.\n\n\
            Send an access token from your settings as `Authorization: Bearer studyin_...`. \
            A token that may only read can list, look and search; uploading, deleting and the coach \
            need one that may also write. Cookies are ignored beside a token.\n\n\
            The coach answers over a WebSocket at `/api/chat/ws`. Send \
            `{\"type\": \"user_message\", \"conversation_id\": null, \"content\": \"...\"}`, \
            with a `filter` of `materials`, `tags` or `pages` if it is asked of some only; it sends \
            objects whose `type` is `context`, then `token` and `citation`, then one `complete` or \
            `error`. `{\"type\": \"cancel\"}` stops the answer. A question may carry a `client_id`, a random \
            UUID of yours: sent again under it, after a lost connection, it is neither stored nor counted \
            again, and you get its answer. With a `user_id` it is refused unless it is that student's.\n\n\
            Errors are problem documents (RFC 9457) whose `detail` says what was wrong and what to do.",
        license(name = "MIT", identifier = "MIT"),
    ),
    paths(
        materials::list,
        materials::upload,
        materials::remove,
        search::search,
        analytics::overview,
        analytics::heatmap,
        analytics::progress,
        analytics::more,
        analytics::achievements,
    ),
    components(schemas(Problem)),
    modifiers(&Common),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "Materials", description = "The documents of your library."),
        (name = "Search", description = "The passages that fit a question."),
        (name = "Analytics", description = "Study time, XP, streaks and achievements."),
    ),
)]
pub struct Description;

/// What the handlers share.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for item in api.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.post, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                for (status, meaning) in EVERYWHERE {
                    operation
                        .responses
                        .responses
                        .entry(status.to_owned())
                        .or_insert_with(|| RefOr::T(problem(meaning)));
                }
            }
        }
        let schemes = api.components.get_or_insert_default();
        schemes.add_security_scheme(
            "token",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some("An access token from the settings."))
                    .build(),
            ),
        );
        schemes.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "studyin_session",
                "The session of a signed-in browser; over https its name begins with __Host-.",
            ))),
        );
    }
}

fn problem(meaning: &str) -> Described {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(meaning)
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}

/// The document as JSON; made once, since it never changes while the server runs.
pub static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(Description::openapi()).unwrap_or_default());

/// `GET /api/openapi.json`.
pub async fn document() -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        DOCUMENT.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::model::{coach::QUESTION_MAX_CHARS, filter};

    #[test]
    fn the_described_bounds_are_the_ones_that_hold() {
        let at = |pointer: &str| DOCUMENT.pointer(pointer).and_then(|value| value.as_u64());
        let request = "/components/schemas/SearchRequest/properties";
        assert_eq!(
            at(&format!("{request}/query/maxLength")),
            Some(QUESTION_MAX_CHARS as u64)
        );
        assert_eq!(
            at(&format!("{request}/limit/maximum")),
            Some(u64::from(search::LIMIT_MAX))
        );
        assert_eq!(
            at(&format!("{request}/material_ids/maxItems")),
            Some(filter::MATERIALS_MAX as u64)
        );
        assert_eq!(
            at(&format!("{request}/tags/maxItems")),
            Some(filter::TAGS_MAX as u64)
        );
        let list = "/paths/~1api~1materials~1/get/parameters/0/schema/maximum";
        assert_eq!(at(list), Some(u64::from(materials::PAGE_MAX)));
    }
}
