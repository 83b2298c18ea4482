//! How the platform's sources write values, where that differs from ours.

use figment::value::Value;

use crate::schema::Path;

/// How the platform writes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// As we do.
    Plain,
    /// `true`; everything else is false.
    Flag,
    /// A password, where empty means that there is none.
    Password,
    /// A key, in which a literal `\n` stands for a newline.
    Key,
}

impl Writing {
    /// Whether an empty value says something.
    pub(super) fn may_be_empty(self) -> bool {
        self == Self::Password
    }

    /// The value as we write it. Says so when a flag is false because it is neither `true` nor `false`.
    pub(super) fn read(self, text: &str, source: &str, warnings: &mut Vec<String>) -> Value {
        match self {
            Self::Plain | Self::Password => Value::from(text),
            Self::Flag => {
                if !["true", "false"].contains(&text) {
                    warnings.push(format!(
                        "{source}: `{text}` is taken for false, as the platform takes it: only `true` is true"
                    ));
                }
                Value::from(text == "true")
            }
            Self::Key => Value::from(text.replace("\\n", "\n")),
        }
    }
}

/// A key of the schema by its dotted name.
pub(super) fn path(key: &str) -> Path {
    key.split('.').map(str::to_owned).collect()
}
