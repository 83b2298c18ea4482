//! What a configuration was read from, and whether it still says the same.
//!
//! Contents are compared, not times or inodes: a ConfigMap or Secret changes by a symlink that is swapped three levels up,
//! and its files' own times need not move.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::layer::file::Format;

/// The most bytes that are read of one file: what a whole ConfigMap may have.
const LARGEST_FILE: u64 = 1 << 20;

/// The files and directories that a configuration was read from, or looked for in, each with a digest of what was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    digests: BTreeMap<PathBuf, u64>,
}

impl Inputs {
    /// Reads a file, and remembers what it says.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<String> {
        let bytes = read(path);
        self.digests.insert(path.to_owned(), digest_of_file(&bytes));
        String::from_utf8(bytes?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    }

    /// The configuration files of a directory in the order of their names, and those files that are none by their names.
    pub(crate) fn list(&mut self, directory: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        self.digests.insert(directory.to_owned(), digest(directory));
        Ok(visible_files(directory)?.into_iter().partition(|path| Format::of(path).is_some()))
    }

    /// The same files and directories, as they are now.
    #[must_use]
    pub(crate) fn now(&self) -> Self {
        Self { digests: self.digests.keys().map(|path| (path.clone(), digest(path))).collect() }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The files of a directory, sorted, without those whose names start with a dot: Kubernetes keeps its own there.
fn visible_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // `is_file` follows symlinks, which is what a mounted ConfigMap consists of.
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn digest(path: &Path) -> u64 {
    if !path.is_dir() {
        return digest_of_file(&read(path));
    }
    let mut hasher = DefaultHasher::new();
    for file in visible_files(path).unwrap_or_default() {
        file.hash(&mut hasher);
        digest_of_file(&read(&file)).hash(&mut hasher);
    }
    hasher.finish()
}

fn digest_of_file(content: &io::Result<Vec<u8>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match content {
        Ok(bytes) => bytes.hash(&mut hasher),
        Err(error) => error.kind().hash(&mut hasher),
    }
    hasher.finish()
}
