//! The few pieces every page we render for people shares: one stylesheet, nothing from elsewhere, and a script only
//! where a page is nothing without it.

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::to_base64;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};

/// Text made safe inside elements and double-quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Escaped text in which `` `spans` `` are shown as code.
pub(super) fn inline_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str("<code>");
            html.push_str(&escape(part));
            html.push_str("</code>");
        } else {
            html.push_str(&escape(part));
        }
    }
    html
}

/// A whole page around `body`, which must be safe HTML already.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Aegis</title>\n<style>{STYLE}</style></head>\n<body><header><a href=\"/docs\">Aegis \
         reference</a> · <a href=\"/docs/errors\">Errors</a> · <a href=\"/openapi.json\">openapi.json</a></header>\n\
         <main><h1>{title}</h1>\n{body}</main></body></html>\n"
    )
}

/// A page that works by this one script, which may ask this very server. `body` must be safe HTML already. Nothing of
/// it is kept by browsers.
pub(crate) fn page_with_script(title: &str, body: &str, script: &str) -> Response {
    let hash = to_base64(Digest::of(&[script.as_bytes()]).as_bytes());
    let policy = format!("{CONTENT_SECURITY_POLICY}; connect-src 'self'; script-src 'sha256-{hash}'");
    let html = page(title, &format!("{body}\n<script>{script}</script>"));
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What a browser is told about our pages: nothing may be loaded, framed or guessed. The stylesheet is
/// inline, hence the one exception.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("style.css");
