//! Floor 1: kubectl's columns and states of the well-known kinds, and the printer columns of custom resources.
