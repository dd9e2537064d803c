//! Codes to scan.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around a code, without which readers do not find it.
const QUIET: i32 = 4;

/// Pixels of a picture per module: a multiple of what a phone's screen shows, and a whole byte of a one-bit row.
const SCALE: usize = 8;

/// The largest version that keeps error level M. Above it the modules get too small for the eye of a cheap phone, and a code on
/// a screen is not scratched: level L makes it one or two versions smaller.
const LARGEST_M: u8 = 8;

fn encode(text: &str) -> Option<QrCode> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok();
    match code {
        Some(code) if code.version().value() <= LARGEST_M => Some(code),
        _ => QrCode::encode_text(text, QrCodeEcc::Low).ok(),
    }
}

/// How many modules wide the picture of a text is, with its quiet zone; `None` when the text is too long.
pub fn modules(text: &str) -> Option<u32> {
    u32::try_from(encode(text)?.size() + 2 * QUIET).ok()
}

/// A code as a PNG of one bit, 8 pixels a module, with a quiet zone of four modules; `None` when the text is too long.
pub fn png(text: &str) -> Option<Vec<u8>> {
    let code = encode(text)?;
    let around = -QUIET..code.size() + QUIET;
    let mut pixels = Vec::new();
    for y in around.clone() {
        // One module is one byte of a row, and white is 1.
        let row: Vec<u8> = around.clone().map(|x| if code.get_module(x, y) { 0x00 } else { 0xff }).collect();
        for _ in 0..SCALE {
            pixels.extend_from_slice(&row);
        }
    }
    let side = u32::try_from(around.count().checked_mul(SCALE)?).ok()?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    // Seven of eight rows repeat the one above, which deflate sees by itself: unfiltered rows are a quarter smaller than the
    // best filter's.
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}
