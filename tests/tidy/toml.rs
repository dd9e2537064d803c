//! As much of TOML as the project's own files use: tables, arrays of tables, values that run over several lines.

/// A table, or one of an array of tables.
pub struct Table {
    /// The name between the brackets; empty for what stands before the first table.
    pub header: String,
    /// Key and value as they are written, without comments, each value on one line.
    pub entries: Vec<(String, String)>,
}

impl Table {
    /// The value of a key, without quotes.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, value)| bare(value))
    }
}

/// Reads a file into its tables.
pub fn read(text: &str) -> Vec<Table> {
    let mut tables = vec![Table { header: String::new(), entries: Vec::new() }];
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        let comment = outside_quotes(line).find(|(_, c)| *c == '#').map_or(line.len(), |(at, _)| at);
        let line = line[..comment].trim();
        if let Some((_, value)) = &mut open {
            *value += " ";
            *value += line;
        } else if line.starts_with('[') {
            tables.push(Table { header: line.trim_matches(['[', ']']).trim().to_owned(), entries: Vec::new() });
        } else if let Some((key, value)) = line.split_once('=') {
            open = Some((key.trim().to_owned(), value.trim().to_owned()));
        }
        if let Some(entry) = open.take_if(|(_, value)| depths(value).last().is_none_or(|(_, _, depth)| depth == 0)) {
            tables.last_mut().unwrap().entries.push(entry);
        }
    }
    tables
}

/// The elements of an array, or the fields of an inline table.
pub fn elements(value: &str) -> Vec<&str> {
    let mut cuts: Vec<usize> =
        depths(value).filter(|(_, c, depth)| *c == ',' && *depth == 1).map(|(at, ..)| at).collect();
    cuts.push(value.len().saturating_sub(1));
    let mut from = 1;
    let mut found = Vec::new();
    for cut in cuts {
        found.push(value.get(from..cut).unwrap_or_default().trim());
        from = cut + 1;
    }
    found.retain(|element| !element.is_empty());
    found
}

/// A field of an inline table, without quotes.
pub fn field<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let fields = elements(value.starts_with('{').then_some(value)?);
    fields
        .into_iter()
        .find_map(|field| field.split_once('=').filter(|(key, _)| key.trim() == name).map(|(_, v)| bare(v)))
}

/// A key or value without its quotes.
pub fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// Each character outside quotes, and how many brackets are open after it.
fn depths(value: &str) -> impl Iterator<Item = (usize, char, i32)> {
    let mut depth = 0;
    outside_quotes(value).map(move |(at, c)| {
        depth += i32::from("[{".contains(c)) - i32::from("]}".contains(c));
        (at, c, depth)
    })
}

fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut escaped) = (None, false);
    text.char_indices().filter(move |(_, c)| {
        let inside = quote.is_some();
        match quote {
            None if *c == '"' || *c == '\'' => quote = Some(*c),
            Some(open) if *c == open && !escaped => quote = None,
            _ => {}
        }
        escaped = quote == Some('"') && *c == '\\' && !escaped;
        !inside
    })
}

#[test]
fn tables_comments_and_long_values_are_read() {
    let text = "a = 1 # one\n[b]\nc = \"#\\\"#\" # two\n\nd = [\n  \"x,y\", # three\n  { e = 'f', g = [2, 3] },\n]\n[[h.i]]\nj.k = {}\n";
    let tables = read(text);
    let seen: Vec<(&str, Vec<(&str, &str)>)> = tables
        .iter()
        .map(|t| (t.header.as_str(), t.entries.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()))
        .collect();
    let long = "[ \"x,y\", { e = 'f', g = [2, 3] }, ]";
    assert_eq!(
        seen,
        [("", vec![("a", "1")]), ("b", vec![("c", "\"#\\\"#\""), ("d", long)]), ("h.i", vec![("j.k", "{}")])]
    );
    assert_eq!(elements(long), ["\"x,y\"", "{ e = 'f', g = [2, 3] }"]);
    assert_eq!(field(elements(long)[1], "e"), Some("f"));
    assert_eq!(field(elements(long)[1], "f"), None);
    assert_eq!(tables[0].value("a"), Some("1"));
}
