//! Routes of HTTP triggers, as Spin 0.10 reads them.

use crate::package::common::rooted;

/// A route with its base, normalised: parts that begin with a slash, none at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// The path without the wildcard's `/...`; empty for the root.
    prefix: String,
    /// Whether everything below is answered as well.
    pub wildcard: bool,
}

impl Pattern {
    /// Joins base and route.
    pub fn new(base: &str, route: &str) -> Pattern {
        let whole = format!("{}{}", part(base), part(route));
        match whole.strip_suffix("/...") {
            Some(prefix) => Pattern { prefix: prefix.to_owned(), wildcard: true },
            None => Pattern { prefix: whole, wildcard: false },
        }
    }

    /// The path without the wildcard; the root is `/`.
    pub fn path(&self) -> &str {
        if self.prefix.is_empty() { "/" } else { &self.prefix }
    }

    /// Sorts patterns so that of two that answer one path the more specific one comes later.
    pub fn specificity(&self) -> impl Ord {
        (!self.wildcard, self.prefix.len())
    }

    /// Whether it answers everything that the other one answers.
    pub fn covers(&self, other: &Pattern) -> bool {
        match other.prefix.strip_prefix(&self.prefix) {
            Some("") => self.wildcard || !other.wildcard,
            Some(rest) => self.wildcard && rest.starts_with('/'),
            None => false,
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.wildcard { write!(f, "{}/...", self.prefix) } else { f.write_str(self.path()) }
    }
}

/// What of a route Spin 0.10 and later read differently: it would take these parts literally.
pub(super) fn has_newer_parts(route: &str) -> bool {
    let named = |part: &str| part.starts_with(':') && part.len() > 1;
    route.split('/').any(named) || route.ends_with("/*") || route == "*"
}

fn part(path: &str) -> String {
    let path = rooted(path);
    path.strip_suffix('/').unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_and_route_are_joined() {
        for (base, route, path, wildcard) in [
            ("/", "/", "/", false),
            ("/", "/...", "/", true),
            ("/", "...", "/", true),
            ("/", "", "/", false),
            ("", "/a", "/a", false),
            ("/", "a", "/a", false),
            ("/", "/a/", "/a", false),
            ("/", "/a//", "/a/", false),
            ("/base", "/a/...", "/base/a", true),
            ("/base/", "/...", "/base", true),
            ("base", "a/b", "/base/a/b", false),
            ("/base", "/", "/base", false),
            ("/", "/a...", "/a...", false),
        ] {
            let pattern = Pattern::new(base, route);
            assert_eq!((pattern.path(), pattern.wildcard), (path, wildcard), "{base} + {route}");
        }
    }

    #[test]
    fn what_covers_what() {
        for (one, other, expected) in [
            ("/...", "/a", true),
            ("/...", "/a/...", true),
            ("/...", "/", true),
            ("/...", "/...", true),
            ("/a/...", "/a", true),
            ("/a/...", "/a/b", true),
            ("/a/...", "/ab", false),
            ("/a/...", "/...", false),
            ("/a", "/a/...", false),
            ("/a", "/a", true),
            ("/a", "/b", false),
        ] {
            assert_eq!(Pattern::new("/", one).covers(&Pattern::new("/", other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn parts_that_are_newer_than_spin_0_10() {
        for (route, expected) in [
            ("/:user", true),
            ("/a/:id/b", true),
            ("/a/*", true),
            ("/*", true),
            ("/a/...", false),
            ("/a*", false),
            ("/a:b", false),
            ("/:", false),
            ("/", false),
        ] {
            assert_eq!(has_newer_parts(route), expected, "{route}");
        }
    }
}
