//! `/api/admin/products/{id}/cards`: cards coming in and going out of sale, and how many are where.

use crate::admin::signed_in;
use crate::http::{Answer, Problem, json_response};
use app::{App, ImportReport, NoCardColumn};
use domain::ProductId;
use domain::limits::{BODY_MAX, IMPORT_PART_MAX, REJECTED_LINES_MAX};
use encoding_rs::{Encoding, GBK, UTF_8};
use lambda_http::http::Method;
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::{Request, RequestExt};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Milliseconds one part may take: API Gateway waits for 30 s. What is left is answered as remaining.
const IMPORT_MS: i64 = 20_000;

pub(crate) async fn handle(app: &App, id: &str, request: &Request) -> Answer {
    signed_in(app, request).await?;
    let who = app::staff::ADMIN.to_owned();
    let id = ProductId::parse(id).ok_or(Problem::NotFound)?;
    let product = app.product(&id).await?.ok_or(Problem::NotFound)?;
    match *request.method() {
        Method::GET => count(app, &product.id).await,
        _ if app.is_closed().await? => Err(Problem::ShopClosed),
        Method::DELETE => remove(app, &product.id, &who, request).await,
        _ if product.archived => Err(Problem::NotFound),
        _ => import(app, &product.id, request).await,
    }
}

async fn count(app: &App, product: &ProductId) -> Answer {
    let tally = app.tally(product).await?;
    json_response(
        200,
        &json!({
            "imported": tally.imported, "free": tally.free, "held": tally.held, "sold": tally.sold, "removed": tally.removed,
        }),
    )
}

/// Takes the cards in the body, one a line, out of sale.
async fn remove(app: &App, product: &ProductId, who: &str, request: &Request) -> Answer {
    let body: &[u8] = request.body().as_ref();
    if body.len() > BODY_MAX {
        return Err(Problem::TooLarge);
    }
    app.note_deed(who, "cards_removed", product.as_str(), None, "").await?;
    let (body, _) = in_utf8(body);
    let report = app.remove_cards(product, &body, app.clock.now() + IMPORT_MS).await?;
    app.count_shelf(product).await;
    json_response(
        200,
        &json!({
            "removed": report.removed, "taken": report.taken, "unknown": report.unknown, "remaining": report.remaining,
        }),
    )
}

async fn import(app: &App, product: &ProductId, request: &Request) -> Answer {
    let body: &[u8] = request.body().as_ref();
    if body.len() > IMPORT_PART_MAX {
        return Err(Problem::TooLarge);
    }
    let media = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("text/plain");
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A list of lines under any name is welcome; what is plainly something else would be sold line by line.
    if media == "application/json" || media.starts_with("multipart/") || media.starts_with("image/") {
        return Err(Problem::UnsupportedMedia);
    }
    let (upload, part) = upload_and_part(app, request)?;
    let (body, decoded_from) = in_utf8(body);
    let deadline = app.clock.now() + IMPORT_MS;
    match app.import_cards_until(product, &upload, part, &body, media == "text/csv", deadline).await? {
        Ok(report) => {
            app.count_shelf(product).await;
            json_response(200, &describe(&report, decoded_from))
        }
        Err(NoCardColumn) => Err(Problem::field("body", "no_card_column")),
    }
}

/// The text in UTF-8, and what it was read from when that was something else. Sellers' files often come from a Chinese Windows,
/// whose programs write GBK, or as "Unicode", which is UTF-16 with its mark.
///
/// A wrong guess would sell garbage, so nothing is guessed: not a line of the file is UTF-8 beyond ASCII, and every double byte is
/// one of GB 2312, the part of GBK that common words are written in. Anything else stays as it is, and its lines are named as not
/// readable.
fn in_utf8(body: &[u8]) -> (Cow<'_, [u8]>, Option<&'static str>) {
    if let Some((encoding, mark)) = Encoding::for_bom(body)
        && encoding != UTF_8
    {
        let (text, _, had_errors) = encoding.decode(body.get(mark..).unwrap_or_default());
        let text = text.into_owned().into_bytes();
        return if had_errors { (Cow::Borrowed(body), None) } else { (Cow::Owned(text), Some("utf-16")) };
    }
    let mut foreign = body.split(|b| *b == b'\n').filter(|line| !line.is_ascii()).peekable();
    let is_gb2312 =
        foreign.peek().is_some() && foreign.all(|line| std::str::from_utf8(line).is_err() && in_pairs(line));
    match is_gb2312.then(|| GBK.decode_without_bom_handling_and_without_replacement(body)).flatten() {
        Some(text) => (Cow::Owned(text.into_owned().into_bytes()), Some("gbk")),
        None => (Cow::Borrowed(body), None),
    }
}

/// Whether everything beyond ASCII comes in pairs of GB 2312: A1 to F7, then A1 to FE.
fn in_pairs(line: &[u8]) -> bool {
    let mut bytes = line.iter();
    while let Some(first) = bytes.next() {
        match first {
            0x00..=0x7F => {}
            0xA1..=0xF7 if bytes.next().is_some_and(|second| (0xA1..=0xFE).contains(second)) => {}
            _ => return false,
        }
    }
    true
}

/// Without an id every upload is one of its own, so that sending the same text again reports duplicates.
fn upload_and_part(app: &App, request: &Request) -> Result<(String, u32), Problem> {
    let query = request.query_string_parameters();
    let part = match query.first("part") {
        None => 1,
        Some(text) => {
            text.parse().ok().filter(|n| *n > 0).ok_or(Problem::BadRequest("part is a whole number from 1."))?
        }
    };
    match query.first("import_id") {
        None => Ok((app.ids.uuid(app.clock.now()).to_string(), part)),
        Some(id) if (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok((id.to_owned(), part))
        }
        Some(_) => Err(Problem::BadRequest("import_id must be 1 to 64 printable characters.")),
    }
}

fn describe(report: &ImportReport, decoded_from: Option<&str>) -> Value {
    let rejected: Vec<Value> =
        report.rejected.iter().take(REJECTED_LINES_MAX).map(|r| json!({"line": r.line, "reason": r.reason})).collect();
    let mut told = json!({
        "imported": report.imported,
        "duplicates": report.duplicates,
        "rejected_count": report.rejected.len(),
        "rejected": rejected,
        "remaining": report.remaining,
    });
    if let (Some(told), Some(encoding)) = (told.as_object_mut(), decoded_from) {
        told.insert("decoded_from".into(), encoding.into());
    }
    told
}
