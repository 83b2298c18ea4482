//! The [flatted](https://www.npmjs.com/package/flatted) format: a graph of JSON values as one flat JSON array.
//!
//! The root is element 0. Wherever a string, an array or an object stands, its place holds the *index* of the element
//! that it is, written as a string; numbers, booleans and null stand for themselves. So `{"a": ["x", 1]}` is
//!
//! ```text
//! [{"a":"1"},["2",1],"x"]
//! ```
//!
//! and values that are shared, or that contain themselves, can be told.
//!
//! Writing takes a tree and gives what the npm package gives for it, equal strings being written once. Reading gives
//! trees too: a shared value is copied, and a value that contains itself is refused. That is where a hostile message
//! could do harm, by nesting or by sharing what shares again, so both are bounded. It is also why this is not one of
//! the crates for the format: the values of `flatted` 0.2 are reference-counted, so that what contains itself is never
//! freed, and know no bounds.

mod read;
mod write;

pub use read::{Document, FlattedError};
pub use write::to_string;
