//! SQL adapters of `taskserver`: SQLite, PostgreSQL and MySQL/MariaDB behind one API.
#![deny(missing_docs)]

mod backend;
mod error;
mod inspect;
mod migrate;
mod options;
mod platform;
mod pool;
mod reading;
mod service;
mod sql;
mod store;

pub use backend::Backend;
pub use error::StoreError;
pub use inspect::ForeignKey;
pub use options::StoreOptions;
pub use platform::{Retention, platform_services};
pub use pool::PoolStatus;
pub use reading::Reading;
pub use service::TableService;
pub use sql::Sql;
pub use store::Store;
