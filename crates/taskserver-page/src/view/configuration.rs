//! The effective configuration.

/// A setting that is in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key, such as `http.port`.
    pub key: String,
    /// Its value, without secrets.
    pub value: String,
    /// Where it was set.
    pub source: String,
}
