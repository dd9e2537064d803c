//! How a product is shown, as the seller's requests write it and as answers tell it.

use crate::http::Problem;
use app::settings::{CardTemplate, Contact, ContactKind, Presentation, SupportKind, Texts};
use serde_json::{Map, Value, json};

/// Characters of the line under a product's name.
const SUMMARY_MAX: usize = 120;
/// Characters of a category.
const CATEGORY_MAX: usize = 30;
/// Bytes of a description.
const DESCRIPTION_MAX: usize = 8 * 1_024;
/// Bytes of instructions.
const INSTRUCTIONS_MAX: usize = 4 * 1_024;
/// Days of warranty: ten years.
const WARRANTY_MAX: u64 = 3_650;
/// How far a product's place in the list may be moved.
const SORT_MAX: i64 = 1_000_000;
/// Ways to reach the shop.
const CONTACTS_MAX: usize = 8;
/// Bytes between two parts of a card.
const SEPARATOR_MAX: usize = 8;

/// Fields that do not fit, with a code each.
pub(crate) type Wrong = Vec<(String, &'static str)>;

/// A text without control characters, trimmed, of at most so many characters; empty is allowed.
pub(crate) fn line(value: &Value, most: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    (text.chars().count() <= most && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A text of several lines of at most so many bytes.
pub(crate) fn prose(value: &Value, most: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits = text.len() <= most && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    fits.then(|| text.to_owned())
}

/// An `https://` address that can stand in a link.
pub(crate) fn address(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let host = text.strip_prefix("https://")?.split(['/', '?', '#']).next()?;
    let good = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&b);
    (host.contains('.') && text.len() <= 500 && text.bytes().all(good)).then(|| text.to_owned())
}

/// An uploaded picture's id, or none.
pub(crate) fn picture(value: &Value) -> Option<Option<String>> {
    match value.as_str()? {
        "" => Some(None),
        id => crate::media::is_id(id).then(|| Some(id.to_owned())),
    }
}

/// Ways to reach the shop: `[{"kind": "qq", "value": "12345"}]`.
pub(crate) fn contacts(value: &Value) -> Option<Vec<Contact>> {
    let list = value.as_array().filter(|list| list.len() <= CONTACTS_MAX)?;
    let contacts = list.iter().map(|entry| {
        let kind: SupportKind = serde_json::from_value(entry.get("kind")?.clone()).ok()?;
        let value = entry.get("value")?;
        let text = line(value, 200).filter(|text| !text.is_empty())?;
        let name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let fits = match kind {
            SupportKind::Link => address(value).is_some(),
            SupportKind::Email => ContactKind::Email.fits(&text) && text.bytes().all(|b| name(b) || b"@+".contains(&b)),
            SupportKind::Qq => ContactKind::Qq.fits(&text),
            SupportKind::Phone => text.bytes().all(|b| b.is_ascii_digit() || b"+- ".contains(&b)),
            SupportKind::Telegram => text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            SupportKind::Wechat => text.bytes().all(name),
        };
        fits.then_some(Contact { kind, value: text })
    });
    contacts.collect()
}

fn template(value: &Value) -> Option<CardTemplate> {
    let separator = value.get("separator")?.as_str()?;
    let labels: Option<Vec<String>> = value
        .get("labels")?
        .as_array()?
        .iter()
        .map(|label| line(label, 20).filter(|label| !label.is_empty()))
        .collect();
    let labels = labels.filter(|labels| (2..=8).contains(&labels.len()))?;
    let fits = (1..=SEPARATOR_MAX).contains(&separator.len()) && !separator.chars().any(char::is_control);
    fits.then(|| CardTemplate { separator: separator.to_owned(), labels })
}

/// A template, or none for an empty object.
fn template_or_none(value: &Value) -> Option<Option<CardTemplate>> {
    if value.as_object().is_some_and(Map::is_empty) { Some(None) } else { template(value).map(Some) }
}

/// Lays the fields of a request over a product's looks and texts.
pub(crate) fn lay_over(body: &Map<String, Value>, look: &mut Presentation, texts: &mut Texts) -> Wrong {
    let mut wrong = Wrong::new();
    macro_rules! field {
        ($name:literal, $place:expr, $code:literal, $read:expr) => {
            match body.get($name) {
                None | Some(Value::Null) => {}
                Some(value) => match ($read)(value) {
                    Some(read) => $place = read,
                    None => wrong.push(($name.to_owned(), $code)),
                },
            }
        };
    }
    let number = |most: u64| move |v: &Value| v.as_u64().filter(|n| *n <= most).and_then(|n| u32::try_from(n).ok());
    let place = |v: &Value| v.as_i64().filter(|n| n.abs() <= SORT_MAX).and_then(|n| i32::try_from(n).ok());
    let kind = |v: &Value| serde_json::from_value(v.clone()).ok();
    field!("summary", look.summary, "length", |v| line(v, SUMMARY_MAX));
    field!("category", look.category, "length", |v| line(v, CATEGORY_MAX));
    field!("picture", look.picture, "unknown", picture);
    field!("contact_kind", look.contact_kind, "unknown", kind);
    field!("card_template", look.card_template, "malformed", template_or_none);
    field!("hide_stock", look.hide_stock, "not_a_choice", Value::as_bool);
    field!("pinned", look.pinned, "not_a_choice", Value::as_bool);
    field!("hidden", look.hidden, "not_a_choice", Value::as_bool);
    field!("sort", look.sort, "not_a_number", place);
    field!("warranty_days", look.warranty_days, "not_a_number", number(WARRANTY_MAX));
    field!("support", look.support, "malformed", contacts);
    field!("mail_keys", look.mail_keys, "not_a_choice", Value::as_bool);
    field!("description", texts.description, "length", |v| prose(v, DESCRIPTION_MAX));
    field!("instructions", texts.instructions, "length", |v| prose(v, INSTRUCTIONS_MAX));
    wrong
}

/// The fields of a product's looks and texts, as answers tell them.
pub(crate) fn tell(fields: &mut Map<String, Value>, look: &Presentation, texts: Option<&Texts>) -> Result<(), Problem> {
    let Value::Object(own) = serde_json::to_value(look).map_err(|_| Problem::Unavailable)? else {
        return Err(Problem::Unavailable);
    };
    fields.extend(own);
    if let Some(texts) = texts {
        fields.insert("description".into(), json!(texts.description));
        fields.insert("instructions".into(), json!(texts.instructions));
    }
    Ok(())
}
