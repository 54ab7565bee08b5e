//! The page with a section for each machine. Pure.

/// Puts the section in the place of the one with the same heading, or at the end.
pub(crate) fn replace_section(results: &str, section: &str) -> String {
    let (introduction, rest) = results.split_once("\n## ").unwrap_or((results, ""));
    let title = |section: &str| section.trim_start_matches("## ").lines().next().unwrap_or_default().to_owned();
    let others = rest.split("\n## ").filter(|other| !other.is_empty() && title(other) != title(section));
    let sections: Vec<&str> = others.chain([section.trim_start_matches("## ")]).map(str::trim_end).collect();
    format!("{}\n\n## {}\n", introduction.trim_end(), sections.join("\n\n## "))
}
