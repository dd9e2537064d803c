//! As much of Rust's grammar as tells code from comments and from text in quotes.

/// The code alone: comments become spaces, what stands inside quotes becomes `~`, and every byte keeps its place and line.
pub fn code(text: &str) -> String {
    let from = text.as_bytes();
    let mut to = from.to_vec();
    let mut at = 0;
    while at < from.len() {
        let rest = &from[at..];
        at = if rest.starts_with(b"//") {
            fill(&mut to, at, at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), b' ')
        } else if rest.starts_with(b"/*") {
            fill(&mut to, at, at + block(rest), b' ')
        } else if from[at] == b'"' {
            let (inside, closing) = quoted(from, at);
            fill(&mut to, at + 1, inside, b'~') + closing
        } else if from[at] == b'\'' {
            match character(&text[at + 1..]) {
                Some(inside) => fill(&mut to, at + 1, at + 1 + inside, b'~') + 1,
                None => at + 1,
            }
        } else {
            at + 1
        };
    }
    String::from_utf8(to).unwrap()
}

/// Fills all but line ends, and answers where it stopped.
fn fill(to: &mut [u8], from: usize, end: usize, with: u8) -> usize {
    to[from..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = with);
    end
}

/// The length of a block comment; they nest.
fn block(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let two = &rest[at..(at + 2).min(rest.len())];
        match two {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the text of a string ends that opens at `open`, and how many bytes close it.
fn quoted(from: &[u8], open: usize) -> (usize, usize) {
    let hashes = from[..open].iter().rev().take_while(|b| **b == b'#').count();
    let before = &from[..open - hashes];
    let word = before.iter().rev().take_while(|b| in_word(**b)).count();
    if matches!(&before[before.len() - word..], b"r" | b"br" | b"cr") {
        let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        let inside = from[open + 1..].windows(end.len()).position(|w| w == end);
        return inside.map_or((from.len(), 0), |n| (open + 1 + n, end.len()));
    }
    let mut at = open + 1;
    while at < from.len() && from[at] != b'"' {
        at += if from[at] == b'\\' { 2 } else { 1 };
    }
    if at < from.len() { (at, 1) } else { (from.len(), 0) }
}

/// The length of a character literal's inside; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        return rest.get(2..)?.find('\'').map(|n| n + 2);
    }
    rest[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8())
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands in the text and is not a part of a longer word.
pub fn words(text: &str, word: &str) -> Vec<usize> {
    let (bytes, ends) = (text.as_bytes(), word.as_bytes());
    let cut = |inner: u8, outer: Option<&u8>| !(in_word(inner) && outer.is_some_and(|b| in_word(*b)));
    let places = text.match_indices(word).map(|(at, _)| at);
    places
        .filter(|at| {
            let before = at.checked_sub(1).and_then(|i| bytes.get(i));
            cut(ends[0], before) && cut(ends[ends.len() - 1], bytes.get(at + word.len()))
        })
        .collect()
}

/// The number of the line on which this byte stands.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The attributes in the text of [`code`], and where each begins.
pub fn attributes(code: &str) -> Vec<(usize, &str)> {
    let opens = code.match_indices('#').map(|(at, _)| at);
    opens
        .filter_map(|at| {
            let inside = code[at + 1..].trim_start_matches('!').strip_prefix('[')?;
            let mut depth = 1;
            let end = inside.find(|c| {
                depth += i32::from(c == '[') - i32::from(c == ']');
                depth == 0
            })?;
            Some((at, &inside[..end]))
        })
        .collect()
}

#[test]
fn comments_and_quotes_are_no_code() {
    for (text, left) in [
        ("a // f64\nb", "a       \nb"),
        ("a /* x /* y */ f64 */ b", "a                     b"),
        ("a /* x\ny */ b", "a     \n     b"),
        ("a /* never closed", "a                "),
        ("f(\"f64\") + f64", "f(\"~~~\") + f64"),
        (r#"f("a\"f64", f64)"#, r#"f("~~~~~~", f64)"#),
        ("f(r\"a\\\", f64)", "f(r\"~~\", f64)"),
        ("f(br#\"a\"f64\"#, f64)", "f(br#\"~~~~~\"#, f64)"),
        ("hear\"a\\\"b\" c", "hear\"~~~~\" c"),
        ("f(\"a\nb\", f64)", "f(\"~\n~\", f64)"),
        ("('\"', f64, '\"')", "('~', f64, '~')"),
        (r"('\'', f64, '\u{22}')", r"('~~', f64, '~~~~~~')"),
        ("('价', f64)", "('~~~', f64)"),
        ("f::<'a, 'b>(x) // '", "f::<'a, 'b>(x)     "),
        ("\"never closed", "\"~~~~~~~~~~~~"),
    ] {
        assert_eq!(code(text), left);
    }
}

#[test]
fn a_word_is_found_only_whole() {
    assert_eq!(words("rand::x fastrand::y ring::rand::z", "rand::"), [0, 26]);
    assert_eq!(words("a.unwrap() unwrap_or b", "unwrap"), [2]);
    assert_eq!(words("价f64元", "f64"), [3]);
    assert_eq!(line("a\nb\nc", 4), 3);
}

#[test]
fn an_attribute_ends_with_its_own_bracket() {
    let text = "#![allow(a)]\n#[x = [1, 2]]\nfn f(a: &[u8]) {}";
    assert_eq!(attributes(text), [(0, "allow(a)"), (13, "x = [1, 2]")]);
}
