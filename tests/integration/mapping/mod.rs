//! How keys of a secret become the environment of the program.

pub(crate) mod environment;
mod file_dir;
pub(crate) mod names;
mod paths;
mod read;
mod references;
mod templates;
pub(crate) mod templates_in_programs;
