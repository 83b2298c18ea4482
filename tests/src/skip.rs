//! How a test says that it is skipped.

use std::io::Write;

/// Says that the current test is skipped, because it needs something that this machine does not have.
///
/// # Panics
///
/// If nothing may be skipped: `TASKSERVER_TEST_REQUIRE_ALL=1`.
pub fn skip(needed: &str, reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("SKIPPED {test}: needs {needed}, but {reason}");
    assert!(std::env::var("TASKSERVER_TEST_REQUIRE_ALL").as_deref() != Ok("1"), "{line}");
    // Past the test harness, which would keep it to itself: a skipped test must be seen.
    let _ = writeln!(std::io::stderr(), "{line}");
}
