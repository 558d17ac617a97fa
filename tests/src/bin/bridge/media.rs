//! GET /media/<name>: pictures and files of the rooms, whole or in ranges.

use std::ops::RangeInclusive;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;

use crate::{Bridge, guard::text};

#[derive(Deserialize)]
pub(crate) struct Options {
    thumbnail: Option<String>,
    download: Option<String>,
}

pub(crate) async fn send(
    State(bridge): State<Bridge>,
    Path(name): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
) -> Response {
    if !bridge.guard.has_cookie(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let media = match bridge.app.media(&name, options.thumbnail.is_some()).await {
        Ok(media) => media,
        Err(error) => return (StatusCode::NOT_FOUND, Json(error)).into_response(),
    };
    let bytes = Bytes::from(media.bytes);
    let mut answer = HeaderMap::new();
    let kind = HeaderValue::from_str(&media.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    answer.insert(header::CONTENT_TYPE, kind);
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400"));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(name) = options.download
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{}", percent(&name)))
    {
        answer.insert(header::CONTENT_DISPOSITION, value);
    }
    match text(&headers, header::RANGE).map(|range| parse_range(range, bytes.len())) {
        None | Some(Wanted::All) => (answer, bytes).into_response(),
        Some(Wanted::Part(range)) => {
            if let Ok(value) =
                HeaderValue::from_str(&format!("bytes {}-{}/{}", range.start(), range.end(), bytes.len()))
            {
                answer.insert(header::CONTENT_RANGE, value);
            }
            (StatusCode::PARTIAL_CONTENT, answer, bytes.slice(range)).into_response()
        }
        Some(Wanted::Impossible) => StatusCode::RANGE_NOT_SATISFIABLE.into_response(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(RangeInclusive<usize>),
    Impossible,
}

/// One range of bytes; several, or other units, get the whole.
fn parse_range(header: &str, length: usize) -> Wanted {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    if last.contains(',') || length == 0 {
        return Wanted::All;
    }
    let end = length - 1;
    match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last && first <= end => Wanted::Part(first..=last.min(end)),
        (Ok(first), Err(_)) if last.trim().is_empty() && first <= end => Wanted::Part(first..=end),
        (Err(_), Ok(suffix)) if first.trim().is_empty() && suffix > 0 => {
            Wanted::Part(length.saturating_sub(suffix)..=end)
        }
        _ => Wanted::Impossible,
    }
}

fn percent(name: &str) -> String {
    name.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Wanted, parse_range};

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        assert_eq!(parse_range("bytes=0-9", 5), Wanted::Part(0..=4));
        assert_eq!(parse_range("bytes=2-", 5), Wanted::Part(2..=4));
        assert_eq!(parse_range("bytes=-2", 5), Wanted::Part(3..=4));
        assert_eq!(parse_range("bytes=-99", 5), Wanted::Part(0..=4));
        assert_eq!(parse_range("bytes=5-", 5), Wanted::Impossible);
        assert_eq!(parse_range("bytes=3-2", 5), Wanted::Impossible);
        assert_eq!(parse_range("bytes=0-1,3-4", 5), Wanted::All);
        assert_eq!(parse_range("lines=1-2", 5), Wanted::All);
    }
}
