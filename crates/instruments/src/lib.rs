//! Floor 2: what is known of each project, as pure functions from objects to rows, pages and causes.
