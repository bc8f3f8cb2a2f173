//! Cursor paging: newest first, stable under inserts.

use crate::crypto::mac;
use crate::encoding::{from_base64url, to_base64url};
use crate::limits::{PAGE_DEFAULT, PAGE_MAX};

/// How many rows to answer, and after which one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: u32,
    after: Option<String>,
}

/// Rows and the place to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// At most the page's limit of rows.
    pub items: Vec<T>,
    /// The sort key of the last row, when more rows follow.
    pub next: Option<String>,
}

impl Page {
    /// A page of `limit` rows (bounded to 1..=200, 50 if absent) after the row with sort key `after`.
    pub fn new(limit: Option<u32>, after: Option<String>) -> Page {
        Page { limit: limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX), after }
    }

    /// One row more than the page holds, so that the query shows whether another page follows.
    pub fn fetch_count(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The sort key to continue after.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Cuts fetched rows to the page and names where the next one starts.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> Paged<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Paged { items: rows, next }
    }
}

/// Turns a sort key into an opaque cursor. Not secret: a checksum refuses edited ones.
pub fn encode_cursor(sort_key: &str) -> String {
    let tag = mac::tag(CURSOR_KEY, &[sort_key.as_bytes()]);
    let (check, _) = tag.split_at(4);
    to_base64url(&[check, sort_key.as_bytes()].concat())
}

/// Reads a cursor made by [`encode_cursor`]; `None` for anything else.
pub fn decode_cursor(cursor: &str) -> Option<String> {
    let bytes = from_base64url(cursor)?;
    let (_, key) = bytes.split_at_checked(4)?;
    let key = String::from_utf8(key.to_vec()).ok()?;
    (encode_cursor(&key) == cursor).then_some(key)
}

const CURSOR_KEY: &[u8; 32] = b"aegis cursor checksum, no secret";

#[cfg(test)]
mod tests {
    use super::*;

    /// A full page announces the next, a short one does not; cursors survive a round trip only whole.
    #[test]
    fn pages_and_cursors() {
        let page = Page::new(Some(2), None);
        let cut = page.cut(vec![9, 8, 7], ToString::to_string);
        assert_eq!(cut, Paged { items: vec![9, 8], next: Some("8".into()) });
        assert_eq!(page.cut(vec![9, 8], ToString::to_string).next, None);
        let cursor = encode_cursor("8");
        assert_eq!(decode_cursor(&cursor), Some("8".into()));
        assert_eq!(decode_cursor(&cursor[1..]), None);
        assert_eq!(decode_cursor(&to_base64url(b"xxxx8")), None);
    }
}
