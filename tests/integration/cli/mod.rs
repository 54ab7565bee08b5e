//! Options, messages, the project file, the check report and the start.

pub(crate) mod check;
mod check_json;
mod foreign_text;
mod messages;
mod options;
mod project;
pub(crate) mod project_trust;
pub(crate) mod signals;
mod stalled_stderr;
mod start;
mod trust;
