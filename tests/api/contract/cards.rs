//! The seller's cards.

use super::{get, refused, send, shop_with};
use crate::openapi::request;
use serde_json::{Value, json};

#[tokio::test]
async fn imports_report_what_became_of_every_line() {
    let shop = shop_with(570, 2).await;
    let token = shop.sign_in().await;
    let path = "/api/admin/products/p/cards";
    let mixed = "CARD-00001\nNEW-1\n\nNEW-1\nbell\u{7}\n  NEW-2  \n";
    let reply = send(&shop, request("POST", path, &token, mixed)).await;
    assert_eq!(
        (reply.status, &reply.body),
        (
            200,
            &json!({
                "imported": 2, "duplicates": 2, "rejected_count": 1,
                "rejected": [{"line": 5, "reason": "control_character"}], "remaining": 0,
            })
        )
    );
    assert_eq!(
        get(&shop, path, &token).await.body,
        json!({"imported": 4, "free": 4, "held": 0, "sold": 0, "removed": 0})
    );
    // At most a thousand lines are named; all of them are counted.
    let bad = "\u{7}\n".repeat(1_001);
    let reply = send(&shop, request("POST", path, &token, bad)).await;
    assert_eq!((reply.status, &reply.body["rejected_count"]), (200, &json!(1_001)));
    assert_eq!(reply.body["rejected"].as_array().unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_part_that_is_sent_again_reports_the_same() {
    let shop = shop_with(571, 0).await;
    let token = shop.sign_in().await;
    let path = "/api/admin/products/p/cards";
    let part = |query: &str| request("POST", &format!("{path}?{query}"), &token, "A\nB\nA\n\u{7}\n");
    let first = send(&shop, part("import_id=upload-1&part=2")).await;
    let said = |a: &Value| (a["imported"].clone(), a["duplicates"].clone(), a["rejected_count"].clone());
    assert_eq!(said(&first.body), (2.into(), 1.into(), 1.into()));
    assert_eq!(send(&shop, part("import_id=upload-1&part=2")).await.body, first.body);
    // Another part, another upload, or no name at all: the cards are there already.
    for query in ["import_id=upload-1&part=3", "import_id=upload-2&part=2", "import_id=upload-1", ""] {
        let reply = send(&shop, part(query)).await;
        assert_eq!(said(&reply.body), (0.into(), 3.into(), 1.into()), "{query}");
    }
    assert_eq!(get(&shop, path, &token).await.body["imported"], 2);
    let long = format!("import_id={}", "x".repeat(65));
    for query in
        ["part=", "part=0", "part=-1", "part=1.5", "part=x", "part=4294967296", "import_id=", "import_id=a%20b", &long]
    {
        refused(&send(&shop, part(query)).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn only_lists_of_cards_are_imported() {
    let shop = shop_with(572, 0).await;
    let token = shop.sign_in().await;
    let of = |media: &str, body: &str| {
        let mut cards = request("POST", "/api/admin/products/p/cards", &token, body);
        cards.headers_mut().insert("content-type", media.parse().unwrap());
        cards
    };
    for media in ["application/json", "Application/JSON; charset=utf-8", "multipart/form-data; boundary=x", "image/png"]
    {
        refused(&send(&shop, of(media, "A\nB\n")).await, 415, "unsupported_media");
    }
    // Which of two columns is for sale cannot be guessed.
    let reply = send(&shop, of("text/csv", "note,price\nA,1\nB,2\n")).await;
    assert_eq!(reply.errors(), [("body", "no_card_column")]);
    assert_eq!(shop.counts("p").await["imported"], 0);
    for (media, body, imported) in [
        ("text/csv", "A1\nA2\n", 2),
        ("text/csv; charset=utf-8", "note,卡密\nx,B1\ny,B2\nz,\n", 2),
        ("TEXT/CSV", "Code,note\n\"C,1\",x\n", 1),
        ("text/plain; charset=utf-8", "D1\nD,2\n", 2),
        ("application/octet-stream", "E1\n", 1),
        ("application/x-www-form-urlencoded", "F1\n", 1),
    ] {
        let reply = send(&shop, of(media, body)).await;
        assert_eq!((reply.status, &reply.body["imported"]), (200, &json!(imported)), "{media}: {}", reply.body);
    }
}
