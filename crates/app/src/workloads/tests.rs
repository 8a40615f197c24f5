//! The derived table against one that is computed anew each time.
