//! Pages without the frame: for those who have no session, or not any more.

use maud::{DOCTYPE, Markup, html};

use crate::assets;

/// The whole document; `next` is where the browser goes on to by itself.
pub(crate) fn bare(title: &str, (theme, next): (Option<&str>, Option<&str>), body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(next) = next { meta http-equiv="refresh" content={ "1;url=" (next) }; }
                title { (title) " · Pilothouse" }
                link rel="icon" href=(assets::LOGO) type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE);
            }
            body {
                main.plain-page {
                    p.product { img src=(assets::LOGO) alt="" width="28" height="28"; "Pilothouse" }
                    (body)
                }
            }
        }
    }
}
