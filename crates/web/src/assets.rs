//! Style, icons and script: built by build.rs, embedded, served under names that carry a hash of their content.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where the assets are.
pub(crate) const ROUTE: &str = "/assets/{name}";
/// The style sheet.
pub(crate) const STYLE: &str = concat!("/assets/", env!("PILOTHOUSE_STYLE"));
/// The script.
pub(crate) const SCRIPT: &str = concat!("/assets/", env!("PILOTHOUSE_SCRIPT"));
/// The sprite of icons: `<use href="...#name">`.
pub(crate) const ICONS: &str = concat!("/assets/", env!("PILOTHOUSE_ICONS"));
/// The mark of the house.
pub(crate) const LOGO: &str = concat!("/assets/", env!("PILOTHOUSE_LOGO"));

#[derive(rust_embed::Embed)]
#[folder = "assets/dist/files/"]
struct Files;

/// Serves one asset.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(file) = Files::get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, file.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_that_pages_name_is_embedded() {
        for path in [STYLE, SCRIPT, ICONS, LOGO] {
            let name = path.strip_prefix("/assets/").unwrap();
            assert!(Files::get(name).is_some_and(|file| !file.data.is_empty()), "{path}");
        }
    }

    #[test]
    fn nothing_is_embedded_that_no_page_names() {
        let mut embedded: Vec<_> = Files::iter().map(|name| format!("/assets/{name}")).collect();
        embedded.sort_unstable();
        let mut named = [STYLE, SCRIPT, ICONS, LOGO].map(str::to_owned);
        named.sort_unstable();
        assert_eq!(embedded, named);
    }
}
