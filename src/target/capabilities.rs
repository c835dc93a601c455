//! What a target can take, as plain data.

use crate::package::Format;

/// What the pipeline must know of a target before it spends anything.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// The format of the artifacts that it takes.
    pub format: Format,
    /// Rules for application names, all of which must hold.
    pub name_rules: Vec<NameRule>,
    /// The longest version (build metadata included), in bytes.
    pub max_version_length: usize,
}

/// A rule for application names.
#[derive(Debug, Clone, Copy)]
pub struct NameRule {
    /// Whether a name keeps the rule.
    pub holds: fn(&str) -> bool,
    /// The rule in words: "names may hold letters, digits, `-` and `_` only".
    pub rule: &'static str,
}
