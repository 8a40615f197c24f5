//! Style, icons and script: built by build.rs, embedded, served under names that carry a hash of their content.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::compress::welcomes_gzip;

/// Where the assets are.
pub(crate) const ROUTE: &str = "/assets/{name}";
/// The style sheet.
pub(crate) const STYLE: &str = concat!("/assets/", env!("PILOTHOUSE_STYLE"));
/// The script.
pub(crate) const SCRIPT: &str = concat!("/assets/", env!("PILOTHOUSE_SCRIPT"));
/// The style of terminals, for pages that show one.
pub(crate) const TERMINAL_STYLE: &str = concat!("/assets/", env!("PILOTHOUSE_TERMINAL_STYLE"));
/// The script of terminals, loaded when one is opened.
pub(crate) const TERMINAL_SCRIPT: &str = concat!("/assets/", env!("PILOTHOUSE_TERMINAL_SCRIPT"));
/// The sprite of icons: `<use href="...#name">`.
pub(crate) const ICONS: &str = concat!("/assets/", env!("PILOTHOUSE_ICONS"));
/// The mark of the house.
pub(crate) const LOGO: &str = concat!("/assets/", env!("PILOTHOUSE_LOGO"));

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One embedded file: as it is, and as gzip.
struct File {
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    packed: &'static [u8],
}

macro_rules! file {
    ($path:expr, $kind:expr, $built:literal) => {
        File {
            path: $path,
            kind: $kind,
            plain: include_bytes!(env!($built)),
            packed: include_bytes!(concat!(env!($built), ".gz")),
        }
    };
}

/// What is embedded.
static FILES: [File; 6] = [
    file!(STYLE, CSS, "PILOTHOUSE_STYLE_PATH"),
    file!(SCRIPT, JAVASCRIPT, "PILOTHOUSE_SCRIPT_PATH"),
    file!(TERMINAL_STYLE, CSS, "PILOTHOUSE_TERMINAL_STYLE_PATH"),
    file!(TERMINAL_SCRIPT, JAVASCRIPT, "PILOTHOUSE_TERMINAL_SCRIPT_PATH"),
    file!(ICONS, SVG, "PILOTHOUSE_ICONS_PATH"),
    file!(LOGO, SVG, "PILOTHOUSE_LOGO_PATH"),
];

/// Serves one asset. Its name is never that of another content: nobody has to ask again whether it is the same.
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = FILES.iter().find(|file| file.path.strip_prefix("/assets/") == Some(&name));
    let Some(file) = found else { return StatusCode::NOT_FOUND.into_response() };
    let kept = [
        (header::CONTENT_TYPE, file.kind),
        // It was made small when the console was built: nothing on the way does it again.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable, no-transform"),
        (header::VARY, "accept-encoding"),
    ];
    if welcomes_gzip(&headers) {
        (kept, [(header::CONTENT_ENCODING, "gzip")], file.packed).into_response()
    } else {
        (kept, file.plain).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::HeaderValue;

    use super::*;
    use crate::compress::tests::Reader;

    #[test]
    fn what_is_packed_is_the_file_itself() {
        assert_eq!(FILES.iter().map(|file| file.path).collect::<BTreeSet<_>>().len(), FILES.len());
        for file in &FILES {
            let mut reader = Reader::default();
            assert!(reader.read(file.packed) == file.plain && reader.ends_well(), "{}", file.path);
        }
    }

    #[tokio::test]
    async fn each_is_sent_in_the_form_that_is_welcome() {
        for (accepted, packed) in [("gzip, deflate, br, zstd", true), ("br, gzip;q=0", false), ("", false)] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            for file in &FILES {
                let name = file.path.trim_start_matches("/assets/").to_owned();
                let response = serve(Path(name), headers.clone()).await;
                assert_eq!(response.headers().get(header::CONTENT_ENCODING).is_some(), packed, "{accepted}");
                assert_eq!(response.headers()[header::VARY], "accept-encoding");
                let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
                assert!(body == if packed { file.packed } else { file.plain }, "{} {accepted}", file.path);
            }
        }
        let unknown = serve(Path("main.css".to_owned()), HeaderMap::new()).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }
}
