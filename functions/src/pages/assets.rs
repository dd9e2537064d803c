//! Files that pages fetch. Their names carry a hash of their content, so they may be kept for ever.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::LazyLock;

/// A file as it is served.
#[derive(Debug)]
pub struct Asset {
    /// Its name below `/assets/`, with the hash.
    pub name: String,
    /// The value of `content-type`.
    pub content_type: &'static str,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// The same, compressed with gzip.
    pub gzip: Vec<u8>,
    /// The name under which templates and other files ask for it, and its address.
    file: &'static str,
    href: String,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One sheet on the wire: three files for those who write them, one request for those who wait.
const SHEETS: [&str; 3] = [
    include_str!("../../assets/base.css"),
    include_str!("../../assets/shop.css"),
    include_str!("../../assets/order.css"),
];

/// Modules, those that others import first: an import is written with the plain name and served with the hashed one.
const MODULES: [(&str, &str); 3] = [
    ("copy.js", include_str!("../../assets/copy.js")),
    ("status.js", include_str!("../../assets/status.js")),
    ("form.js", include_str!("../../assets/form.js")),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let sheet: String = SHEETS.iter().map(|sheet| without_comments(sheet)).collect();
    let mut all =
        vec![asset("shop.css", CSS, sheet), asset("icon.svg", SVG, include_str!("../../assets/icon.svg").to_owned())];
    for (file, text) in MODULES {
        // Comments are for the source; a line that begins with one is nothing else here.
        let mut text: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
        for known in &all {
            text = text.replace(&format!("\"./{}\"", known.file), &format!("\"{}\"", known.href));
        }
        all.push(asset(file, JS, text));
    }
    all
});

fn without_comments(sheet: &str) -> String {
    let mut parts = sheet.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    let kept = parts.fold(first, |kept, part| kept + part.split_once("*/").map_or("", |(_, rest)| rest));
    kept.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

fn asset(file: &'static str, content_type: &'static str, text: String) -> Asset {
    let (stem, kind) = file.split_once('.').unwrap_or((file, "bin"));
    let name = format!("{stem}-{:016x}.{kind}", hash(text.as_bytes()));
    let raw = text.into_bytes();
    Asset { href: format!("/assets/{name}"), name, content_type, gzip: gzip(&raw), raw, file }
}

/// FNV-1a: tells versions of our own files apart, and keeps no secret.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Bytes compressed as well as gzip can; empty when that fails, which writing to memory does not.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The file of a name with its hash.
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The address of a file by its plain name, such as `shop.css`; empty for one that does not exist.
pub fn href(file: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.file == file).map_or("", |asset| asset.href.as_str())
}
