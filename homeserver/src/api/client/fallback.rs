//! Pages for clients that leave a step of signing in to a browser.

use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

pub mod login;
pub mod uia;

const STYLE: &str = "body{font:16px system-ui,sans-serif;max-width:26em;margin:3em auto;padding:0 1em;\
    background:Canvas;color:CanvasText;color-scheme:light dark}label,input,button{display:block;width:100%;box-sizing:border-box;\
    font:inherit}input,button{padding:.6em;margin:.3em 0 1em}";

/// A page: nothing of a request is ever a part of it.
struct Page {
    title: &'static str,
    /// HTML.
    body: String,
    /// The only script that may run.
    script: Option<&'static str>,
}

impl Page {
    fn answer(self, status: StatusCode) -> Response {
        let Self { title, body, script } = self;
        let tag = script.map(|script| format!("<script>{script}</script>")).unwrap_or_default();
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{body}</main>{tag}</body></html>"
        );
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
            source(STYLE),
            script.map_or_else(|| "'none'".to_owned(), source),
        );
        let mut response = (status, Html(html)).into_response();
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// Names an inline text by its hash.
fn source(inline: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(inline.as_bytes())))
}

/// A text of the settings as HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}
