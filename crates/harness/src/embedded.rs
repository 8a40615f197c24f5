//! The embedded cluster, served as `pilothouse demo` serves it.
