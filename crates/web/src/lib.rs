//! Floor 4: HTTP, pages, live updates, assets.
