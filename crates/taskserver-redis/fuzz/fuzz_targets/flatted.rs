//! Any bytes are read or refused within bounds, and what is read is written as the same value.
//!
//! `cargo +nightly fuzz run flatted` in the folder of `taskserver-redis`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taskserver_redis::flatted::{Document, to_string};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes, 1 << 16) else { return };
    for name in ["event", "path", "data", "sender"] {
        let _ = document.field(name);
    }
    if let Ok(value) = document.root() {
        let again = Document::parse(to_string(&value).as_bytes(), 1 << 20).and_then(|document| document.root());
        assert_eq!(again.expect("what was written"), value);
    }
});
