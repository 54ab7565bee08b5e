//! `[pure]` Text for people or JSON for machines.

/// The format of messages (`--log-format`) or of the report of a check (`--format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
