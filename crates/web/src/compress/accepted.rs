//! Which form of an answer the one who asks can read, by `Accept-Encoding`.

use axum::http::{HeaderMap, header};

/// Whether gzip is welcome: named, or meant by `*`, and not less welcome than the text as it is.
pub(crate) fn welcomes_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut plain) = (None, None, None);
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    for (name, weight) in values.flat_map(|value| value.split(',')).map(weighed) {
        let place = match name.as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "*" => &mut any,
            "identity" => &mut plain,
            _ => continue,
        };
        // Named twice, the word against it counts.
        *place = Some(place.map_or(weight, |before: f32| before.min(weight)));
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= plain.unwrap_or(0.0)
}

/// One coding and how welcome it is. A weight that cannot be read welcomes nothing.
fn weighed(item: &str) -> (String, f32) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let told = parts.find_map(|part| {
        let (key, weight) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| weight.trim())
    });
    let weight = told.map_or(Some(1.0), |told| told.parse().ok());
    (name, weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn welcome(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        welcomes_gzip(&headers)
    }

    #[test]
    fn gzip_is_sent_to_those_who_welcome_it() {
        for good in [
            &["gzip"][..],
            &["gzip, deflate, br, zstd"],
            &["GZip"],
            &["x-gzip"],
            &["*"],
            &["br;q=1.0, gzip;q=0.8, *;q=0.1"],
            &["br", "deflate , gzip ; q=0.001"],
            &["gzip;Q=0.5"],
            &["identity;q=0.5, gzip;q=0.5"],
            &["gzip;q=1, *;q=0"],
            &["identity;q=0, *"],
            &[" ,,gzip,"],
        ] {
            assert!(welcome(good), "{good:?}");
        }
    }

    #[test]
    fn nobody_gets_gzip_who_did_not_ask_for_it() {
        for bad in [
            &[][..],
            &[""],
            &["identity"],
            &["deflate, br, zstd"],
            &["gzip;q=0"],
            &["gzip;q=0.000, *"],
            &["*;q=0"],
            &["gzip, gzip;q=0"],
            &["identity, gzip;q=0.5"],
            &["identity;q=0.6, *;q=0.5"],
            &["gzip;q=2"],
            &["gzip;q=-1"],
            &["gzip;q=nan"],
            &["gzip;q="],
            &["gzip;q=zero"],
            &["gzipped"],
        ] {
            assert!(!welcome(bad), "{bad:?}");
        }
        let mut odd = HeaderMap::new();
        odd.insert(header::ACCEPT_ENCODING, HeaderValue::from_bytes(b"gzip\xff").unwrap());
        assert!(!welcomes_gzip(&odd));
    }
}
