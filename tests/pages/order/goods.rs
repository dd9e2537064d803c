//! Keys: exactly what was delivered, however it looks; the file of them; codes to scan.

use super::html::{Element, by_id, name, of_class};
use super::sample::{DESKTOP, ID, LANGS, LINK, PARTS, frame, keys, qr};
use functions::pages::view::{KeysView, Lang};
use functions::pages::{self, qr as codes};
use payments::Created;
use qrcodegen::{QrCode, QrCodeEcc};

fn part(view: &KeysView<'_>) -> String {
    pages::keys_part(&frame(Lang::Zh, DESKTOP), view)
}

fn shown(html: &str) -> Vec<String> {
    of_class(html, "key").iter().map(Element::exact).collect()
}

#[test]
fn the_text_of_a_key_is_exactly_the_key() {
    let hostile = [
        "A7K2M-9PQX4-ZT6HW",
        "<script>alert(1)</script>",
        "a&amp;b & c <b> \"d\" 'e'",
        " spaces at both ends  ",
        "\ttab\tand\t",
        "\nfirst line empty\n\nlast too\n",
        "one\r\ntwo\rthree",
        "账号：小满",
        "{{ 7*7 }}",
        "",
    ];
    for key in hostile {
        for view in [keys(&[key], None), keys(&[key, "B"], None)] {
            let html = part(&view);
            assert_eq!(shown(&html)[0], key);
            assert!(!html.contains("<script>alert") && !html.contains("<b> "));
            // A bare carriage return would be read as a line feed.
            assert!(!html.contains('\r'));
        }
    }
    let html = part(&keys(&hostile, None));
    assert_eq!(shown(&html), hostile);
    assert!(of_class(&html, "key").iter().all(|key| name(key.tag) == "code"), "<pre> would swallow a first line feed");
}

#[test]
fn a_key_in_parts_shows_each_and_keeps_the_whole() {
    for key in ["player_0417----Xk9$<mq>2L", "a---- b "] {
        let html = part(&keys(&[key], Some(&PARTS)));
        let (id, pin) = key.split_once("----").unwrap();
        assert_eq!(of_class(&html, "part").iter().map(Element::exact).collect::<Vec<_>>(), [id, pin]);
        assert_eq!(shown(&html), [key]);
        assert!(html.contains("data-copy-all=\"复制全部\""));
    }
    // What has another number of parts is one piece.
    for odd in ["alone", "a----b----c"] {
        let html = part(&keys(&[odd], Some(&PARTS)));
        assert!(of_class(&html, "part").is_empty());
        assert_eq!(shown(&html), [odd]);
    }
}

#[test]
fn many_keys_are_folded_after_ten_and_all_are_there() {
    for count in [2, 10, 11, 50] {
        let many: Vec<String> = (1..=count).map(|n| format!("KEY-{n:04}")).collect();
        let view = KeysView { keys: many.clone(), ..keys(&[], None) };
        let html = part(&view);
        assert_eq!(shown(&html), many);
        assert!(html.contains(&format!("共 {count} 条")));
        assert!(html.contains(&format!("data-copy-all=\"复制全部（{count} 条）\"")));
        let rest = by_id(&html, "rest");
        assert_eq!(rest.map(|rest| shown(rest.inner).len()), (count > 10).then(|| count - 10));
        if let Some(rest) = rest {
            assert!(rest.words().contains(&format!("展开其余 {} 条", count - 10)));
        }
    }
}

#[test]
fn one_button_is_filled_and_the_file_leads_where_copying_is_a_burden() {
    let long = "x".repeat(1025);
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    // Whether the file keeps its place when the script adds the button that copies.
    for (view, leads) in [
        (keys(&["A"], None), false),
        (keys(&["A", "B"], None), false),
        (keys(&[&long[1..]], None), false),
        (keys(&[&long], None), true),
        (keys(&many, None), true),
    ] {
        let html = part(&view);
        let filled = of_class(&html, "b-1");
        assert_eq!(filled.len(), 1);
        assert_eq!(filled[0].attribute("href").unwrap(), format!("/o/{ID}/keys.txt"));
        assert_eq!(of_class(&html, "spare").len(), usize::from(!leads));
        let copies = if leads { "data-copy-class=\"b b-2 b-l b-w\"" } else { "data-copy-class=\"b b-1 b-l b-w\"" };
        assert_eq!(html.matches(copies).count(), 1);
    }
}

#[test]
fn tall_and_long_keys_scroll_and_say_their_size() {
    let lines = |n: usize| vec!["line"; n].join("\n");
    let words = |key: &str| {
        let html = part(&keys(&[key], None));
        (!of_class(&html, "high").is_empty(), of_class(&html, "cap").first().unwrap().words())
    };
    assert_eq!(words(&lines(12)), (false, "12 行".to_owned()));
    assert_eq!(words(&lines(13)), (true, "13 行".to_owned()));
    assert_eq!(words(&"x".repeat(2150)), (true, "2.0 KB".to_owned()));
    assert_eq!(words(&"x".repeat(2151)), (true, "2.1 KB".to_owned()));
    assert!(!words(&"x".repeat(1024)).0);
}

#[test]
fn around_the_keys_stands_what_a_buyer_needs() {
    for lang in LANGS {
        let html = pages::keys(&frame(lang, DESKTOP), &keys(&["A"], None));
        let goods = by_id(&html, "keys").unwrap().inner;
        assert_eq!(goods.trim(), pages::keys_part(&frame(lang, DESKTOP), &keys(&["A"], None)).trim());
        for needed in ["<div class=\"md\"><p>1</p></div>", "48210375", "2027-05-21", "help@example.com", ID] {
            assert!(goods.contains(needed), "{needed}");
        }
        let bare = KeysView { instructions_html: String::new(), collection_code: None, ..keys(&["A"], None) };
        let html = pages::keys(&frame(lang, DESKTOP), &bare);
        assert!(by_id(&html, "how").is_none() && !html.contains("48210375"));
    }
}

#[test]
fn the_cover_shows_no_key_and_one_button() {
    for lang in LANGS {
        let html = pages::cover(&frame(lang, DESKTOP), ID, "Steam <50>");
        assert!(of_class(&html, "key").is_empty());
        assert_eq!(of_class(&html, "b-1").len(), 1);
        assert!(html.contains(&format!("<form method=\"post\" action=\"/o/{ID}/keys\"")));
        assert!(html.contains("Steam &#60;50&#62;") && !html.contains("<50>"));
    }
}

#[test]
fn the_file_holds_keys_and_nothing_else() {
    let file = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        pages::keys_txt(&keys)
    };
    assert_eq!(file(&["A"]), b"\xEF\xBB\xBFA\r\n");
    assert_eq!(file(&["A", "<B>&"]), b"\xEF\xBB\xBFA\r\n<B>&\r\n");
    assert_eq!(file(&["A\nB", "C"]), b"\xEF\xBB\xBFA\r\nB\r\n\r\nC\r\n");
    assert_eq!(file(&["A\r\nB\rC"]), b"\xEF\xBB\xBFA\r\nB\r\nC\r\n");
    assert_eq!(file(&[" 卡 "]), "\u{feff} 卡 \r\n".as_bytes());
}

/// The modules of a picture, read back from its pixels: true is dark.
fn modules(file: &[u8]) -> Vec<Vec<bool>> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.bit_depth, info.color_type), (png::BitDepth::One, png::ColorType::Grayscale));
    assert_eq!(info.width, info.height);
    let rows: Vec<&[u8]> = pixels.chunks(info.line_size).collect();
    assert!(pixels.iter().all(|byte| [0x00, 0xff].contains(byte)), "a module is a whole byte");
    for eight in rows.chunks(8) {
        assert!(eight.len() == 8 && eight.iter().all(|row| row == &eight[0]), "a module is eight rows");
    }
    rows.iter().step_by(8).map(|row| row.iter().map(|byte| *byte == 0).collect()).collect()
}

#[test]
fn a_picture_holds_the_modules_of_its_code() {
    let Created::Qr(short) = qr() else { panic!() };
    let long = format!("https://example.com/{}", "a".repeat(195));
    let cases = [
        (short.as_str(), QrCodeEcc::Medium),
        (LINK, QrCodeEcc::Medium),
        (&long, QrCodeEcc::Low),
        ("", QrCodeEcc::Medium),
    ];
    for (text, level) in cases {
        let code = QrCode::encode_text(text, level).unwrap();
        let read = modules(&codes::png(text).unwrap());
        let side = usize::try_from(code.size()).unwrap() + 8;
        assert_eq!((read.len(), read[0].len()), (side, side));
        assert_eq!(codes::modules(text), Some(u32::try_from(side).unwrap()));
        for (y, row) in (-4..).zip(&read) {
            for (x, dark) in (-4..).zip(row) {
                assert_eq!(*dark, code.get_module(x, y), "{x} {y}");
            }
        }
    }
    let medium = QrCode::encode_text(&long, QrCodeEcc::Medium).unwrap();
    assert!(usize::try_from(medium.size()).unwrap() + 8 > modules(&codes::png(&long).unwrap()).len());
}

#[test]
fn pictures_are_small_and_what_is_too_long_has_none() {
    let Created::Qr(short) = qr() else { panic!() };
    let size = codes::png(&short).unwrap().len();
    assert!((300..=520).contains(&size), "{size}");
    let size = codes::png(&format!("https://example.com/{}", "a1".repeat(97))).unwrap().len();
    assert!((600..=1_300).contains(&size), "{size}");
    assert_eq!(codes::png(&"a".repeat(3_000)), None);
    assert_eq!(codes::modules(&"a".repeat(3_000)), None);
}
