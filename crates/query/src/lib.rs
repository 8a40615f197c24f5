//! Floor 2: the query language, from text to a typed plan.
