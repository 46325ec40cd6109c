//! `/api/materials/`: listing, uploading and deleting documents.

use super::{
    caller::{Reader, Writer},
    conditional,
    input::{Parameters, within},
};
use crate::http::{
    problem::Problem,
    state::AppState,
    upload::{self, cut_off, unreadable},
};
use app::{
    error::AppError,
    model::{
        id::MaterialId,
        material::{ListPlace, Material, MaterialState, UploadOutcome},
    },
};
use axum::{
    Json,
    extract::{Multipart, Path, State, multipart::MultipartRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Materials of one page of the list: few enough to build at once.
pub const PAGE_MAX: u32 = 100;
const PAGE_DEFAULT: u32 = 50;
/// Name of a file that came without one.
const NAMELESS: &str = "Untitled";

/// Which part of the list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Most materials to answer with.
    #[serde(default = "page_default")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u32,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]{32}$")]
    cursor: Option<String>,
}

fn page_default() -> u32 {
    PAGE_DEFAULT
}

/// Where a material stands on its way to being searchable.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for its turn.
    Queued,
    /// Text is being taken out of its pages.
    Reading,
    /// Searchable by words; its meanings are being compared.
    Embedding,
    /// Searchable.
    Ready,
    /// Could not be read, or was stopped.
    Failed,
}

/// One document of the library.
#[derive(Serialize, ToSchema)]
#[schema(as = Material)]
pub struct Item {
    id: Uuid,
    /// The name the file was uploaded with.
    filename: String,
    /// The MIME type its bytes were found to have.
    media_type: String,
    /// Size of the file in bytes.
    size_bytes: u64,
    status: Status,
    /// Known once the document has been opened.
    #[schema(required)]
    page_count: Option<u32>,
    /// Passages it is divided into for the search.
    chunk_count: u32,
    /// In UTC.
    uploaded_at: DateTime<Utc>,
}

impl From<Material> for Item {
    fn from(material: Material) -> Self {
        let mime = material.media_type.mime();
        Self {
            id: material.id.uuid(),
            filename: material.file_name,
            media_type: mime.split(';').next().unwrap_or(mime).to_owned(),
            size_bytes: material.size_bytes,
            status: match material.state {
                MaterialState::Queued => Status::Queued,
                MaterialState::Reading { .. } => Status::Reading,
                MaterialState::Embedding { .. } => Status::Embedding,
                MaterialState::Ready => Status::Ready,
                MaterialState::Failed { .. } => Status::Failed,
            },
            page_count: material.page_count,
            chunk_count: material.chunk_count,
            uploaded_at: material.uploaded_at,
        }
    }
}

/// A part of the list, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = MaterialList)]
pub struct List {
    items: Vec<Item>,
    /// Send it as `cursor` to get what follows; null on the last page. It stays good whatever is
    /// added or deleted meanwhile.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "only its description is used; the form itself is streamed"
)]
pub struct UploadForm {
    /// The document, with its file name.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// List the documents
///
/// Newest first, in pages.
#[utoipa::path(
    get, path = "/api/materials/", tag = "Materials", operation_id = "list_materials",
    params(
        ListQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "A page of the list.", body = List, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Parameters(query): Parameters<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = within("limit", query.limit, 1, PAGE_MAX)?;
    let after = match query.cursor {
        Some(cursor) => Some(place(&cursor).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "This cursor is none that the list gave. Begin again without it.",
            )
        })?),
        None => None,
    };
    let list = async {
        // One more than asked for tells whether there are more.
        let mut found = app
            .services
            .materials
            .list_after(profile.id, after, limit + 1)
            .await?;
        let kept = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > kept;
        found.truncate(kept);
        let next_cursor = found.last().filter(|_| more).map(cursor);
        let items = found.into_iter().map(Item::from).collect();
        Ok(List { items, next_cursor })
    };
    let what = [&*format!("{after:?}"), &*limit.to_string()];
    conditional::kept(&app.answers.materials, &headers, profile.id, &what, list).await
}

/// Upload a document
///
/// What kind of file it is, its bytes say. The answer comes as soon as the file is stored; it is then
/// read in the background. The same file again is answered with the one that is there.
#[utoipa::path(
    post, path = "/api/materials/", tag = "Materials", operation_id = "upload_material",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Stored and queued.", body = Item),
        (status = 200, description = "These bytes were here already.", body = Item),
        (status = 400, description = "The form cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The file is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no multipart form.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is no `file`, or it cannot be taken.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many uploads in a minute.", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait."))),
    )
)]
pub async fn upload(
    State(app): State<AppState>,
    caller: Writer,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let mut form = form.map_err(|_| no_form(&headers))?;
    let bound_bytes = upload::announced_bytes(&headers);
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| unreadable(&error))?
    {
        if field.name() != Some("file") {
            continue;
        }
        let name = field.file_name().filter(|name| !name.is_empty());
        let name = name.unwrap_or(NAMELESS).to_owned();
        let taken = upload::take(&app, caller.profile.id, &name, bound_bytes, field).await?;
        return match taken {
            UploadOutcome::Added { material } => {
                Ok((StatusCode::CREATED, Json(Item::from(material))).into_response())
            }
            UploadOutcome::Duplicate { material } => Ok(Json(Item::from(material)).into_response()),
            UploadOutcome::Refused { message, .. } => {
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message))
            }
        };
    }
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "The form has no field named file.",
    ))
}

/// What is wrong with a body that is no readable form.
fn no_form(headers: &HeaderMap) -> Problem {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/form-data")
        });
    if is_form {
        return cut_off();
    }
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send the file as multipart/form-data, in a field named file.",
    )
}

/// Delete a document
///
/// Its file goes, and everything made from it.
#[utoipa::path(
    delete, path = "/api/materials/{id}", tag = "Materials", operation_id = "delete_material",
    params(("id" = Uuid, Path, description = "The material's id.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "There is none of yours with this id.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    State(app): State<AppState>,
    caller: Writer,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = id
        .ok()
        .and_then(|Path(id)| id.parse::<MaterialId>().ok())
        .ok_or_else(|| AppError::not_found("material"))?;
    app.services.materials.delete(caller.profile.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The place behind a material: its time in microseconds and its id.
fn cursor(material: &Material) -> String {
    let mut bytes = material
        .uploaded_at
        .timestamp_micros()
        .to_be_bytes()
        .to_vec();
    bytes.extend_from_slice(material.id.uuid().as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn place(cursor: &str) -> Option<ListPlace> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (micros, id) = bytes.split_first_chunk::<8>()?;
    Some(ListPlace {
        uploaded_at: DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?,
        id: MaterialId::new(Uuid::from_slice(id).ok()?),
    })
}
