//! The pages as HTML, from their views.
//!
//! Templates are [`maud`]'s: they are compiled with the program, and escape everything that is not markup of their own. No page
//! has a script or a style in it: the policy of the server forbids both.
//!
//! What the script keeps up to date has an id and the attribute `data-live`.

mod alerts;
mod configuration;
mod events;
mod figures;
mod jobs;
mod layout;
mod overview;
mod parts;
mod reports;
mod sign_in;
mod task;

pub(crate) use alerts::alerts;
pub(crate) use configuration::configuration;
pub(crate) use events::events;
pub(crate) use jobs::jobs;
pub(crate) use layout::{failure, page};
pub(crate) use overview::overview;
pub(crate) use reports::reports;
pub(crate) use sign_in::sign_in;
pub(crate) use task::task;
