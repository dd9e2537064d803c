//! Other people's words in a message: made harmless, and cut to what a provider takes.
//!
//! Sign by sign a look-alike of full width takes the place of everything that some provider reads as a mention, a tag, markup or an
//! address. Escaping would be prettier, but each provider knows another part of Markdown and none says how it is escaped.

/// One line without anything that hides, turns the text around, or mentions somebody.
pub fn plain(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_hidden(*c));
    visible
        .map(|c| match c {
            '@' => '＠',
            '<' => '＜',
            '>' => '＞',
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
            c => c,
        })
        .collect()
}

/// What [`plain`] makes, without anything that Markdown reads as more than text.
pub fn marked(text: &str) -> String {
    let plain = plain(text).replace("://", "：//");
    let flat = plain.chars().map(|c| match c {
        '*' => '＊',
        '_' => '＿',
        '`' => '｀',
        '[' => '［',
        ']' => '］',
        '#' => '＃',
        '~' => '～',
        '|' => '｜',
        '\\' => '＼',
        '&' => '＆',
        '!' => '！',
        c => c,
    });
    flat.collect()
}

/// Signs that nobody sees: those of no width, and those that turn the direction of what follows.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text, cut at a character's end and with an ellipsis when it is larger than `max` by this measure.
pub fn cut(text: &str, max: usize, size: fn(char) -> usize) -> String {
    if text.chars().map(size).sum::<usize>() <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(size('…'));
    let mut used = 0;
    let fitting = text.chars().take_while(|c| {
        used += size(*c);
        used <= room
    });
    fitting.chain(['…']).collect()
}

/// Bytes in UTF-8.
pub fn bytes(c: char) -> usize {
    c.len_utf8()
}

/// Bytes in UTF-8 once it stands in JSON text.
pub fn json_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Units of UTF-16, which is what Telegram counts in.
pub fn units(c: char) -> usize {
    c.len_utf16()
}

/// Characters.
pub fn characters(_: char) -> usize {
    1
}

/// Lines joined by `between`, each made harmless, with an end that is never cut: at most `max` by this measure.
pub(crate) fn joined(
    lines: &[String],
    harmless: fn(&str) -> String,
    between: &str,
    end: &str,
    (max, size): (usize, fn(char) -> usize),
) -> String {
    let body = lines.iter().map(|line| harmless(line)).collect::<Vec<_>>().join(between);
    let room = max.saturating_sub(end.chars().map(size).sum());
    cut(&body, room, size) + end
}
