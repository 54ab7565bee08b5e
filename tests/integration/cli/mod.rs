//! Options, messages, the project file, the check report and the start.

pub(crate) mod check;
mod messages;
mod options;
pub(crate) mod project;
pub(crate) mod signals;
mod start;
