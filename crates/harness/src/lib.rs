//! Tests only: starts real and embedded control planes, and the console, for tests and measurements.
