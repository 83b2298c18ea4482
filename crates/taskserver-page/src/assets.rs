//! The files beside the pages: a stylesheet, a script and an icon, compiled in.
//!
//! Their paths hold a hash of their contents, so that browsers may keep them for ever and yet never use an old one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// A file that never changes under its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its path on the server, such as `/assets/page.0123456789abcdef.css`.
    pub path: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its contents.
    pub body: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, body: &'static str) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Self { path: format!("/assets/{stem}.{:016x}.{extension}", hasher.finish()), content_type, body }
    }
}

pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
}

pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new("page", "css", "text/css; charset=utf-8", include_str!("../assets/page.css")),
    script: Asset::new("page", "js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
    icon: Asset::new("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
});

/// The file at a path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    [&ASSETS.style, &ASSETS.script, &ASSETS.icon].into_iter().find(|asset| asset.path == path)
}
