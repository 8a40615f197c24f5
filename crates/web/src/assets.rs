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
/// The style of terminals, for pages that show one.
pub(crate) const TERMINAL_STYLE: &str = concat!("/assets/", env!("PILOTHOUSE_TERMINAL_STYLE"));
/// The script of terminals, loaded when one is opened.
pub(crate) const TERMINAL_SCRIPT: &str = concat!("/assets/", env!("PILOTHOUSE_TERMINAL_SCRIPT"));
/// The sprite of icons: `<use href="...#name">`.
pub(crate) const ICONS: &str = concat!("/assets/", env!("PILOTHOUSE_ICONS"));
/// The mark of the house.
pub(crate) const LOGO: &str = concat!("/assets/", env!("PILOTHOUSE_LOGO"));

/// What is embedded, by path.
const FILES: [(&str, &str, &[u8]); 6] = [
    (STYLE, "text/css; charset=utf-8", include_bytes!(env!("PILOTHOUSE_STYLE_PATH"))),
    (SCRIPT, "text/javascript; charset=utf-8", include_bytes!(env!("PILOTHOUSE_SCRIPT_PATH"))),
    (TERMINAL_STYLE, "text/css; charset=utf-8", include_bytes!(env!("PILOTHOUSE_TERMINAL_STYLE_PATH"))),
    (TERMINAL_SCRIPT, "text/javascript; charset=utf-8", include_bytes!(env!("PILOTHOUSE_TERMINAL_SCRIPT_PATH"))),
    (ICONS, "image/svg+xml", include_bytes!(env!("PILOTHOUSE_ICONS_PATH"))),
    (LOGO, "image/svg+xml", include_bytes!(env!("PILOTHOUSE_LOGO_PATH"))),
];

/// Serves one asset.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let found = FILES.iter().find(|(path, _, _)| path.strip_prefix("/assets/") == Some(&name));
    let Some((_, kind, content)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, *content).into_response()
}
