//! Icons from the sprite.

use maud::{Markup, html};

use crate::assets;

/// An icon that only decorates: the word stands beside it.
pub(crate) fn icon(name: &str) -> Markup {
    html! {
        svg.icon aria-hidden="true" { use href={ (assets::ICONS) "#" (name) } {} }
    }
}
