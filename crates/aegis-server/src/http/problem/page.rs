//! The catalogue of problems for people: `/docs/errors` and `api/problems.md`, both from the one table.

use std::fmt::Write as _;

use super::ProblemCode;
use crate::http::html::{escape, inline_code, page};

/// The page `/docs/errors`: every code with an anchor, so that each problem's `type` leads to its entry.
pub fn catalogue_html() -> String {
    let mut body = String::from(
        "<p>Every answer that is not a success has the same body (RFC 9457, \
         <code>application/problem+json</code>). Decide by <code>code</code>; <code>detail</code> is for \
         people. Quote <code>requestId</code> when asking for help.</p>\n<nav><ul class=\"columns\">\n",
    );
    for code in ProblemCode::ALL {
        let _ = writeln!(
            body,
            "<li><a href=\"#{code}\">{code}</a> <small>{}</small></li>",
            code.status().as_u16()
        );
    }
    body.push_str("</ul></nav>\n");
    for code in ProblemCode::ALL {
        let _ = writeln!(
            body,
            "<section id=\"{code}\"><h2><a href=\"#{code}\">{code}</a> <small>{status} · {title}</small></h2>\n\
             <p>{meaning}</p>\n<p><strong>What to do.</strong> {remedy}</p></section>",
            status = code.status().as_u16(),
            title = escape(code.title()),
            meaning = inline_code(code.meaning()),
            remedy = inline_code(code.remedy()),
        );
    }
    page("Errors", &body)
}

/// The text of `api/problems.md`.
pub fn catalogue_markdown() -> String {
    let mut text = String::from(
        "# Problems\n\nEvery kind of problem a client can meet. Generated from \
         `crates/aegis-server/src/http/problem/catalogue.rs`;\n`UPDATE=1 cargo test -p aegis-server` rewrites it.\n",
    );
    for code in ProblemCode::ALL {
        let _ = write!(
            text,
            "\n## {code}\n\n**{}** {}. {}\n\nWhat to do: {}\n",
            code.status().as_u16(),
            code.title(),
            code.meaning(),
            code.remedy(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed list is the table's; `UPDATE=1` rewrites it.
    #[test]
    fn committed_list_is_current() {
        crate::http::committed::check("api/problems.md", &catalogue_markdown());
    }

    /// Every code can be linked to.
    #[test]
    fn page_has_an_anchor_for_each_code() {
        let page = catalogue_html();
        for code in ProblemCode::ALL {
            assert!(page.contains(&format!("<section id=\"{code}\">")), "{code}");
        }
    }
}
