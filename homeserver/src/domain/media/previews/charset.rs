//! The encoding of a page: from its first bytes, its header, or its own declaration.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use http::HeaderValue;

/// Where a page may declare its encoding.
const DECLARED_WITHIN: usize = 2048;

/// The page's text.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&HeaderValue>) -> Cow<'a, str> {
    let told = content_type.and_then(|value| value.to_str().ok()).and_then(label);
    let encoding = told.or_else(|| declared(bytes)).unwrap_or(UTF_8);
    // A byte order mark wins over both.
    encoding.decode(bytes).0
}

fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..DECLARED_WITHIN).unwrap_or(bytes);
    label(&String::from_utf8_lossy(head))
}

/// The encoding that follows `charset=`.
fn label(text: &str) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    let (_, rest) = text.split_once("charset")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(rest.len());
    Encoding::for_label(rest.get(..end)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::decode;

    #[test]
    fn the_header_the_page_or_its_first_bytes_say_the_encoding() {
        let latin = HeaderValue::from_static("text/html; charset=\"ISO-8859-1\"");
        assert_eq!(decode(b"caf\xe9", Some(&latin)), "café");
        assert_eq!(decode(b"<meta charset='windows-1251'>\xcf", None), "<meta charset='windows-1251'>П");
        assert_eq!(decode(b"\xef\xbb\xbfcaf\xc3\xa9", Some(&latin)), "café");
        assert_eq!(decode("café".as_bytes(), None), "café");
        assert_eq!(decode(b"charset=none\xff", None), "charset=none\u{fffd}");
    }
}
