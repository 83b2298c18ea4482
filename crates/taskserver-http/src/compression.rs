//! Larger answers are compressed for clients that take gzip.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Body;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};

use crate::response::Response;

/// Compresses an answer of at least this size if its client takes it. Streams stay as they are.
pub(crate) async fn compress(response: Response, request: &HeaderMap, least: usize) -> Response {
    let (mut head, body) = response.into_parts();
    let Either::Left(body) = body else { return Response::from_parts(head, body) };
    if body.size_hint().lower() < least as u64 || !head.headers.contains_key(CONTENT_TYPE) {
        return Response::from_parts(head, Either::Left(body));
    }
    head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !accepts_gzip(request) {
        return Response::from_parts(head, Either::Left(body));
    }
    let plain = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(never) => match never {},
    };
    // Compressing takes milliseconds for each megabyte: too long for the threads on which requests wait.
    let compressed = tokio::task::spawn_blocking({
        let plain = plain.clone();
        move || gzip(&plain)
    });
    let body = match compressed.await {
        Ok(Ok(compressed)) => {
            head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Bytes::from(compressed)
        }
        _ => plain,
    };
    Response::from_parts(head, Either::Left(Full::new(body)))
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// Whether gzip is among the encodings that a client takes, and not refused by a weight of 0.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
        (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_for_those_who_take_it() {
        let accepts = |value: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(accepts("gzip") && accepts("deflate, GZIP;q=0.5") && accepts("br, *"));
        assert!(!accepts("") && !accepts("br") && !accepts("gzip;q=0, br") && !accepts("gzip; q=0.0"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
