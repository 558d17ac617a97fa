//! Pages for clients that leave a step of signing in to a browser.

use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

pub mod email;
pub mod login;
pub mod uia;

/// The app's own colours, in light and in dark.
const STYLE: &str = ":root{color-scheme:light dark;--page:light-dark(#f6f7f9,#14161b);--card:light-dark(#ffffff,#1d2027);\
    --text:light-dark(#1a1d24,#eceef2);--line:light-dark(#777f8d,#8a92a1);--accent:light-dark(#2f5bd8,#5b83f7);\
    --on-accent:light-dark(#ffffff,#0b1020);--link:light-dark(#2a52c4,#8facff);--danger:light-dark(#c4232f,#ff7b7f)}\
    body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--page);color:var(--text)}\
    main{max-width:24rem;margin:8vh auto;padding:1.5rem 2rem 2rem;background:var(--card);border-radius:12px;\
    box-shadow:0 1px 3px #0003}h1{font-size:1.4rem;margin:0 0 1rem}p{margin:0 0 1rem}\
    label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}\
    input,button{padding:.6em .8em;margin:.3em 0 1rem;border-radius:8px;border:1px solid var(--line)}\
    input{background:var(--page);color:var(--text)}\
    button{margin:1.5rem 0 0;background:var(--accent);border-color:transparent;color:var(--on-accent);font-weight:600;cursor:pointer}\
    :focus-visible{outline:2px solid var(--link);outline-offset:2px}\
    a{color:var(--link)}[role=alert]{color:var(--danger)}[role=alert]:empty{display:none}[hidden]{display:none}\
    @media(max-width:32rem){main{max-width:none;margin:0;min-height:100vh;border-radius:0;box-sizing:border-box}}";

/// A page: nothing of a request is ever a part of it.
struct Page {
    title: &'static str,
    /// HTML.
    body: String,
    /// The only script that may run.
    script: Option<&'static str>,
    /// The origin where its form ends, when not here.
    leads_to: Option<String>,
}

impl Page {
    fn answer(self, status: StatusCode) -> Response {
        let Self { title, body, script, leads_to } = self;
        let tag = script.map(|script| format!("<script>{script}</script>")).unwrap_or_default();
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{body}</main>{tag}</body></html>"
        );
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; form-action 'self'{}; \
             base-uri 'none'; frame-ancestors 'none'",
            source(STYLE),
            script.map_or_else(|| "'none'".to_owned(), source),
            leads_to.map(|origin| format!(" {origin}")).unwrap_or_default(),
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
