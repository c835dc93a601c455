//! Paths in commands that people paste.

use std::path::Path;

/// A path as a shell takes it: in quotes where it has a space (`~/Library/Application Support`) or another character
/// that a shell may understand.
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/\\:._-+@".contains(c);
    match text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_hints_can_be_pasted() {
        assert_eq!(shell_word(Path::new("/home/dana/.config/a-b_1.json")), "/home/dana/.config/a-b_1.json");
        assert_eq!(shell_word(Path::new("/Users/dana/Application Support/x")), "'/Users/dana/Application Support/x'");
        assert_eq!(shell_word(Path::new("/it's/$HOME")), r"'/it'\''s/$HOME'");
    }
}
