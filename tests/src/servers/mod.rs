//! Throwaway servers: started in a temporary folder on a free port, tuned for speed instead of safety, and gone with the test.

pub mod alertmanager;
mod directory;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod mariadb;
pub mod postgres;
pub(crate) mod programs;
pub mod prometheus;
pub mod redis;
mod server;
mod shared;

pub use server::Server;
