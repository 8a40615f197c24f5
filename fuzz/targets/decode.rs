//! Whatever a server answers: lists, watches cut anywhere, discovery, errors. It is read or told to be malformed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| pilothouse_cluster::fuzzing::everything(bytes));
