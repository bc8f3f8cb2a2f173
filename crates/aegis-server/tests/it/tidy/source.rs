//! A Rust file without its comments and literals: enough of a reader for rules about names, paths and sizes.
//!
//! Comments and the insides of literals become spaces, so that offsets and line numbers stay those of the file.

/// A comment or the inside of a string literal, and the line it starts on (counted from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) line: usize,
    pub(super) text: String,
}

/// A Rust file, taken apart.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) code: String,
    pub(super) comments: Vec<Fragment>,
    pub(super) strings: Vec<Fragment>,
}

/// A declared name: `struct`, `enum`, `trait`, `type`, `union` or `fn`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared<'s> {
    pub(super) keyword: &'s str,
    pub(super) name: &'s str,
    pub(super) line: usize,
    end: usize,
}

/// A function and how many lines it has, from its `fn` to its closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function<'s> {
    pub(super) name: &'s str,
    pub(super) line: usize,
    pub(super) lines: usize,
}

impl Source {
    /// Takes a file apart.
    pub(super) fn read(text: &str) -> Source {
        let mut source = Source::default();
        let (mut at, mut line) = (0, 1);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let piece = piece(rest, source.code.chars().next_back());
            let taken = rest.get(..piece.length).unwrap_or(rest);
            match piece.kind {
                Kind::Code => source.code.push_str(taken),
                Kind::Comment => {
                    source.comments.push(Fragment { line, text: taken.to_owned() });
                    blank(&mut source.code, taken);
                }
                Kind::Text { open, close } => {
                    let inside = taken.get(open..taken.len().saturating_sub(close)).unwrap_or_default();
                    source.strings.push(Fragment { line, text: inside.to_owned() });
                    blank(&mut source.code, taken);
                }
                Kind::Character => blank(&mut source.code, taken),
            }
            line = line_of(taken, taken.len()).saturating_add(line).saturating_sub(1);
            at = at.saturating_add(taken.len().max(1));
        }
        source
    }

    /// The file without its `#[cfg(test)] mod … { … }` regions, for rules about what ships.
    pub(super) fn shipped(text: &str) -> Source {
        let code = Source::read(text).code;
        let mut kept = text.to_owned();
        for (start, _) in code.match_indices("#[cfg(test)]") {
            let Some(open) = code.get(start..).and_then(|rest| rest.find(['{', ';'])) else { continue };
            let end = closing(&code, start.saturating_add(open)).unwrap_or(start);
            let Some(region) = text.get(start..end) else { continue };
            let mut spaces = String::new();
            blank(&mut spaces, region);
            kept.replace_range(start..end, &spaces);
        }
        Source::read(&kept)
    }

    /// Every declared type and function.
    pub(super) fn declared(&self) -> Vec<Declared<'_>> {
        const KEYWORDS: [&str; 6] = ["struct", "enum", "trait", "type", "union", "fn"];
        let words = words(&self.code);
        let pairs = words.iter().zip(words.iter().skip(1));
        pairs
            .filter(|((keyword_at, keyword), (name_at, _))| {
                let gap = self.code.get(keyword_at.saturating_add(keyword.len())..*name_at);
                KEYWORDS.contains(keyword) && gap.is_some_and(|gap| gap.trim().is_empty())
            })
            .map(|((_, keyword), (at, name))| Declared {
                keyword,
                name,
                line: line_of(&self.code, *at),
                end: at.saturating_add(name.len()),
            })
            .collect()
    }

    /// Every function that has a body.
    pub(super) fn functions(&self) -> Vec<Function<'_>> {
        let declared = self.declared();
        let functions = declared.iter().filter(|declared| declared.keyword == "fn");
        functions
            .filter_map(|function| {
                let end = closing(&self.code, body(&self.code, function.end)?)?;
                let last = line_of(&self.code, end);
                let lines = last.saturating_sub(function.line).saturating_add(1);
                Some(Function { name: function.name, line: function.line, lines })
            })
            .collect()
    }

    /// Lines of code (counted from 1) that contain `word` as a whole word.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        let found = words(&self.code).into_iter().filter(|(_, found)| *found == word);
        found.map(|(at, _)| line_of(&self.code, at)).collect()
    }
}

/// The line, counted from 1, of a byte offset.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count().saturating_add(1)
}

/// Identifiers with their offsets. A raw identifier loses its `r#`, a lifetime its quote.
pub(super) fn words(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in code.char_indices().chain([(code.len(), ' ')]) {
        let belongs = character.is_alphanumeric() || character == '_';
        match (start, belongs) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                found.extend(code.get(from..at).map(|word| (from, word)));
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    found
}

/// The offset just behind the bracket that closes the one at `open`; behind `open` itself if it is no bracket.
pub(super) fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth: usize = 0;
    for (at, character) in code.get(open..)?.char_indices() {
        match character {
            '{' | '(' | '[' => depth = depth.saturating_add(1),
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(open.saturating_add(at).saturating_add(character.len_utf8()));
        }
    }
    None
}

/// The offset of the brace that opens a function's body; `None` for a declaration that ends in `;`.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut depth: usize = 0;
    for (at, character) in code.get(from..)?.char_indices() {
        match character {
            '(' | '[' => depth = depth.saturating_add(1),
            ')' | ']' => depth = depth.saturating_sub(1),
            '{' if depth == 0 => return from.checked_add(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn blank(code: &mut String, taken: &str) {
    for character in taken.chars() {
        // As many spaces as bytes: offsets must stay true.
        let spaces = if character == '\n' { "\n" } else { "    ".get(..character.len_utf8()).unwrap_or(" ") };
        code.push_str(spaces);
    }
}

enum Kind {
    Code,
    Comment,
    Text { open: usize, close: usize },
    Character,
}

struct Piece {
    kind: Kind,
    length: usize,
}

/// The piece that `rest` starts with; `before` is the code character in front of it.
fn piece(rest: &str, before: Option<char>) -> Piece {
    if rest.starts_with("//") {
        return Piece { kind: Kind::Comment, length: rest.find('\n').unwrap_or(rest.len()) };
    }
    if rest.starts_with("/*") {
        return Piece { kind: Kind::Comment, length: block_comment(rest) };
    }
    let inside_word = before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    if !inside_word && let Some(piece) = raw_text(rest) {
        return piece;
    }
    if rest.starts_with('"') {
        let length = quoted(rest, '"').unwrap_or(rest.len());
        return Piece { kind: Kind::Text { open: 1, close: 1 }, length };
    }
    if rest.starts_with('\'')
        && let Some(length) = character(rest)
    {
        return Piece { kind: Kind::Character, length };
    }
    // Up to the next character that may start a comment or a literal.
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let next = rest.get(first..).and_then(|tail| tail.find(['/', '"', '\'', 'r', 'b', 'c']));
    Piece { kind: Kind::Code, length: next.map_or(rest.len(), |next| first.saturating_add(next)) }
}

fn block_comment(rest: &str) -> usize {
    let mut depth: usize = 0;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth = depth.saturating_add(1);
            2
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at = at.saturating_add(step);
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `r#"…"#` and their `b` and `c` forms.
fn raw_text(rest: &str) -> Option<Piece> {
    let mark = ["r", "br", "cr"].into_iter().find(|mark| {
        let tail = rest.strip_prefix(mark).unwrap_or_default();
        tail.trim_start_matches('#').starts_with('"')
    })?;
    let tail = rest.get(mark.len()..)?;
    let hashes = tail.len().checked_sub(tail.trim_start_matches('#').len())?;
    let open = mark.len().checked_add(hashes)?.checked_add(1)?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = rest.get(open..)?.find(&end)?;
    let length = open.checked_add(inside)?.checked_add(end.len())?;
    Some(Piece { kind: Kind::Text { open, close: end.len() }, length })
}

/// The length of a quoted literal, quotes included.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.chars().skip(1);
    let first = characters.next()?;
    if first == '\\' || characters.next() == Some('\'') { quoted(rest, '\'') } else { None }
}

/// Comments and literals are found in all their forms, and nothing else is taken for one.
#[test]
fn separates_code_from_text() {
    let text = "fn a<'x>(c: &'x str) { // one \"not\"\n let _ = ('\"', '\\'', \"s\\\"\", r#\"r\"w\"#); /* b /* n */ */ }\n";
    let source = Source::read(text);
    let strings: Vec<&str> = source.strings.iter().map(|found| found.text.as_str()).collect();
    assert_eq!(strings, ["s\\\"", "r\"w"]);
    assert_eq!(source.comments.first().map(|found| found.text.as_str()), Some("// one \"not\""));
    assert_eq!(
        source.comments.get(1).map(|found| (found.line, found.text.as_str())),
        Some((2, "/* b /* n */ */"))
    );
    assert_eq!(source.code.len(), text.len());
    assert!(source.code.contains("fn a<'x>(c: &'x str) {") && !source.code.contains('"'));
}

/// Declarations, bodies and lengths are read; a test module is not part of what ships.
#[test]
fn reads_declarations() {
    let text = "struct A;\nfn one()\n{\n  let b = [1; 2];\n}\ntrait T { fn two(&self); }\n\
                #[cfg(test)]\nmod tests { fn three() { \"x\"; } }\n";
    let source = Source::read(text);
    let names: Vec<&str> = source.declared().iter().map(|declared| declared.name).collect();
    assert_eq!(names, ["A", "one", "T", "two", "three"]);
    let functions = source.functions();
    assert_eq!(functions.first(), Some(&Function { name: "one", line: 2, lines: 4 }));
    assert_eq!(functions.iter().map(|function| function.name).collect::<Vec<_>>(), ["one", "three"]);
    let shipped = Source::shipped(text);
    assert!(shipped.strings.is_empty() && shipped.functions().len() == 1);
}
