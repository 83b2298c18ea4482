//! The queue on all three databases.

mod control;
mod enqueueing;
mod fixture;
mod life;
mod retention;
mod service;
mod workers;
