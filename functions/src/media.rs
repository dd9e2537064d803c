//! Pictures of the seller: `POST /api/admin/media` takes one, `GET /media/{id}` gives it. A picture's id is made from its content,
//! so it never changes and may be kept for ever.

use crate::http::{Answer, Problem, json_response, respond};
use app::App;
use lambda_http::http::header::{CACHE_CONTROL, HeaderValue};
use lambda_http::{Body, Request};
use serde_json::json;

/// Bytes of a picture: in base64 it stays far below DynamoDB's 400 KiB for an item, and a phone loads it at once.
pub(crate) const PICTURE_MAX: usize = 128 * 1_024;

/// Kinds of pictures by their first bytes. SVG is not among them: it can carry a script.
const KINDS: [(&[u8], &str, &str); 4] = [
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"\xff\xd8\xff", "jpg", "image/jpeg"),
    (b"GIF8", "gif", "image/gif"),
    (b"RIFF", "webp", "image/webp"),
];

fn kind_of(picture: &[u8]) -> Option<(&'static str, &'static str)> {
    let (_, ending, media) = KINDS.into_iter().find(|(start, _, _)| picture.starts_with(start))?;
    let is_webp = picture.get(8..12) == Some(b"WEBP");
    (ending != "webp" || is_webp).then_some((ending, media))
}

/// Whether a text can be a picture's id: 24 hexadecimal digits and the kind.
pub(crate) fn is_id(id: &str) -> bool {
    let Some((name, ending)) = id.split_once('.') else { return false };
    let hex = name.len() == 24 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    hex && KINDS.iter().any(|(_, kind, _)| *kind == ending)
}

/// Takes a picture. The caller has let the seller pass.
pub(crate) async fn take(app: &App, request: &Request) -> Answer {
    let picture: &[u8] = request.body().as_ref();
    if picture.len() > PICTURE_MAX {
        return Err(Problem::TooLarge);
    }
    let (ending, _) = kind_of(picture).ok_or(Problem::UnsupportedMedia)?;
    let id = format!("{}.{ending}", app.keep_picture(picture).await?);
    json_response(201, &json!({"id": id, "url": format!("/media/{id}")}))
}

/// Gives a picture.
pub(crate) async fn give(app: &App, id: &str) -> Answer {
    if !is_id(id) {
        return Err(Problem::NotFound);
    }
    let name = id.split('.').next().unwrap_or_default();
    let picture = app.picture(name).await?.ok_or(Problem::NotFound)?;
    let (ending, media) = kind_of(&picture).ok_or(Problem::NotFound)?;
    if !id.ends_with(ending) {
        return Err(Problem::NotFound);
    }
    let mut response = respond(200, media, Body::Binary(picture));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}
