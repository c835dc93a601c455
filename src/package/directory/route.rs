//! Routes of HTTP triggers, as Spin reads them since 2.5 (`crates/http/src/routes.rs@v4.0.2`).

use std::collections::BTreeSet;

/// Spin answers below this path by itself (`crates/http/src/lib.rs@v4.0.2`).
const RESERVED: &str = "/.well-known/spin/";

/// A route with its base, ready to be compared with paths.
///
/// Its order is that of precedence: of all patterns that match a path the *first* one answers. From the left, a literal
/// part goes before a named one, and that before a wildcard, so that exact routes go before wildcards and longer
/// prefixes before shorter ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    based: String,
    parts: Vec<Part>,
    wildcard: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `:name`: any part that is not empty.
    Named(String),
}

/// What a path means to a pattern that matches it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteMatch {
    /// What the `:name` parts stand for, in the route's order, not percent-decoded.
    pub named: Vec<(String, String)>,
    /// Of a wildcard: what comes behind its prefix, with a leading slash and the path's trailing one; empty where the
    /// path is the prefix itself.
    pub trailing: Option<String>,
}

/// Why a route is none. Reads after "route `…`".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A character that no path of a request holds.
    #[error("holds {0:?}, which the path of a request cannot; write it percent-encoded")]
    Character(char),
    /// Two slashes in a row.
    #[error("has an empty part between two slashes")]
    EmptyPart,
    /// `.` or `..`, which clients resolve before they send a path.
    #[error("has the part `{0}`, which clients never send")]
    Dots(String),
    /// A wildcard that is not the whole of the last part.
    #[error("has a wildcard in `{0}`; only `/...` or `/*` at the end is one")]
    Wildcard(String),
    /// A name that is empty or could not be part of the header that passes it on.
    #[error("has the named part `{0}`; a name is of ASCII letters, digits, `-` and `_`")]
    Name(String),
    /// Two parts of one name.
    #[error("has the name `:{0}` twice")]
    NamedTwice(String),
}

impl RoutePattern {
    /// Joins base and route: a missing leading slash is added, one trailing slash is taken away from each.
    pub fn new(base: &str, route: &str) -> Result<RoutePattern, RouteError> {
        let based = format!("{}{}", trimmed(base), trimmed(route));
        let impossible = |c: &char| !c.is_ascii_graphic() || "?#<>\"\\^`{|}".contains(*c);
        if let Some(character) = based.chars().find(impossible) {
            return Err(RouteError::Character(character));
        }
        let prefix = based.strip_suffix("/...").or_else(|| based.strip_suffix("/*"));
        let parts = prefix.unwrap_or(&based).split('/').skip(1).map(part).collect::<Result<Vec<_>, _>>()?;
        let mut names = BTreeSet::new();
        for part in &parts {
            if let Part::Named(name) = part
                && !names.insert(name.to_ascii_lowercase())
            {
                return Err(RouteError::NamedTwice(name.clone()));
            }
        }
        Ok(RoutePattern { wildcard: prefix.is_some(), parts, based })
    }

    /// Compares it with a path, percent-encoded as a request has it, without its query. Slashes at both ends of the
    /// path mean nothing.
    pub fn matches(&self, path: &str) -> Option<RouteMatch> {
        let mut rest = Some(path.trim_matches('/')).filter(|path| !path.is_empty());
        let mut named = Vec::new();
        for part in &self.parts {
            let (found, behind) = match rest?.split_once('/') {
                Some((found, behind)) => (found, Some(behind)),
                None => (rest?, None),
            };
            match part {
                Part::Literal(literal) if literal == found => {}
                Part::Named(name) if !found.is_empty() => named.push((name.clone(), found.to_owned())),
                _ => return None,
            }
            rest = behind;
        }
        match (self.wildcard, rest) {
            (true, rest) => Some(RouteMatch { named, trailing: Some(trailing(rest, path)) }),
            (false, None) => Some(RouteMatch { named, trailing: None }),
            (false, Some(_)) => None,
        }
    }

    /// Base and route joined, the wildcard included; empty for the root. Spin's `spin-matched-route`.
    pub fn based_route(&self) -> &str {
        &self.based
    }

    /// The path without the wildcard; the root is `/`.
    pub fn path(&self) -> &str {
        let prefix = self.based.strip_suffix("/...").or_else(|| self.based.strip_suffix("/*"));
        Some(prefix.unwrap_or(&self.based)).filter(|path| !path.is_empty()).unwrap_or("/")
    }

    /// Whether everything below is answered as well.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether it lies where Spin answers by itself.
    pub fn is_reserved(&self) -> bool {
        self.based.starts_with(RESERVED)
    }

    /// Whether both match the same paths: they may differ in the names of parts and in the wildcard's spelling.
    pub fn is_same_as(&self, other: &RoutePattern) -> bool {
        self.shape() == other.shape()
    }

    /// What it matches, in the order of precedence: a rank for each part, lowest first, then the literals themselves.
    fn shape(&self) -> (Vec<Rank>, Vec<&str>) {
        let ranks = self.parts.iter().map(|part| match part {
            Part::Literal(_) => Rank::Literal,
            Part::Named(_) => Rank::Named,
        });
        let end = if self.wildcard { Rank::Wildcard } else { Rank::End };
        let literals = self.parts.iter().filter_map(|part| match part {
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Named(_) => None,
        });
        (ranks.chain([end]).collect(), literals.collect())
    }
}

/// What goes first where two patterns differ. Behind the end of a route only a wildcard can match the same path.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    End,
    Literal,
    Named,
    Wildcard,
}

impl Ord for RoutePattern {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.shape(), &self.based).cmp(&(other.shape(), &other.based))
    }
}

impl PartialOrd for RoutePattern {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.based.is_empty() { "/" } else { &self.based })
    }
}

fn part(text: &str) -> Result<Part, RouteError> {
    if text.is_empty() {
        return Err(RouteError::EmptyPart);
    }
    if text == "." || text == ".." {
        return Err(RouteError::Dots(text.to_owned()));
    }
    if text == "..." || text.contains('*') {
        return Err(RouteError::Wildcard(text.to_owned()));
    }
    let Some(name) = text.strip_prefix(':') else {
        return Ok(Part::Literal(text.to_owned()));
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(valid) {
        return Err(RouteError::Name(text.to_owned()));
    }
    Ok(Part::Named(name.to_owned()))
}

fn trimmed(path: &str) -> String {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    path.strip_suffix('/').unwrap_or(&path).to_owned()
}

/// Spin's spelling of what a wildcard stands for.
fn trailing(rest: Option<&str>, path: &str) -> String {
    let end = if path.ends_with('/') { "/" } else { "" };
    rest.map_or(end.to_owned(), |rest| format!("/{rest}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(route: &str) -> RoutePattern {
        RoutePattern::new("/", route).unwrap()
    }

    #[test]
    fn base_and_route_are_joined() {
        for (base, route, path, wildcard) in [
            ("/", "/", "/", false),
            ("/", "/...", "/", true),
            ("/", "...", "/", true),
            ("/", "/*", "/", true),
            ("/", "", "/", false),
            ("", "/a", "/a", false),
            ("/", "a", "/a", false),
            ("/", "/a/", "/a", false),
            ("/base", "/a/...", "/base/a", true),
            ("/base/", "/*", "/base", true),
            ("base", "a/:b", "/base/a/:b", false),
            ("/base", "/", "/base", false),
            ("/", "/a...", "/a...", false),
            ("/", "/.well-known/a", "/.well-known/a", false),
        ] {
            let pattern = RoutePattern::new(base, route).unwrap();
            assert_eq!((pattern.path(), pattern.is_wildcard()), (path, wildcard), "{base} + {route}");
        }
        assert_eq!(RoutePattern::new("/base/", "a/*").unwrap().based_route(), "/base/a/*");
        assert_eq!(pattern("/").based_route(), "");
        assert_eq!(pattern("/").to_string(), "/");
    }

    #[test]
    fn routes_that_cannot_be() {
        for (route, expected) in [
            ("/ä", RouteError::Character('ä')),
            ("/a b", RouteError::Character(' ')),
            ("/a?b", RouteError::Character('?')),
            ("/a//b", RouteError::EmptyPart),
            ("/a/../b", RouteError::Dots("..".into())),
            ("/a/*/b", RouteError::Wildcard("*".into())),
            ("/a/.../b", RouteError::Wildcard("...".into())),
            ("/a/*rest", RouteError::Wildcard("*rest".into())),
            ("/a/*.js", RouteError::Wildcard("*.js".into())),
            ("/:", RouteError::Name(":".into())),
            ("/:name.json", RouteError::Name(":name.json".into())),
            ("/:a/:b/:a", RouteError::NamedTwice("a".into())),
        ] {
            assert_eq!(RoutePattern::new("/", route), Err(expected), "{route}");
        }
    }

    #[test]
    fn what_routes_match() {
        for (route, path, named, trailing) in [
            ("/", "/", &[][..], None),
            ("/", "", &[], None),
            ("/a", "/a", &[], None),
            ("/a", "/a/", &[], None),
            ("/a/", "//a", &[], None),
            ("/...", "/", &[], Some("/")),
            ("/...", "/1/2/3", &[], Some("/1/2/3")),
            ("/1/...", "/1/2/3", &[], Some("/2/3")),
            ("/test/...", "/test", &[], Some("")),
            ("/test/...", "/test/", &[], Some("/")),
            ("/test/...", "/test/hello", &[], Some("/hello")),
            ("/test/*", "/test/hello/", &[], Some("/hello/")),
            ("/1/:two/3", "/1/2/3", &[("two", "2")], None),
            ("/1/:two/...", "/1/2/3", &[("two", "2")], Some("/3")),
            ("/:a/:b", "/x/y%20z", &[("a", "x"), ("b", "y%20z")], None),
        ] {
            let named = named.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let expected = RouteMatch { named, trailing: trailing.map(str::to_owned) };
            assert_eq!(pattern(route).matches(path), Some(expected), "{route} {path}");
        }
        for (route, path) in [
            ("/", "/a"),
            ("/a", "/"),
            ("/a", "/A"),
            ("/a", "/ab"),
            ("/a", "/a/b"),
            ("/a/...", "/ab"),
            ("/a/b", "/a//b"),
            ("/:a", "/"),
            ("/:a", "/x/y"),
            ("/x/:a/...", "/x"),
            ("/:a/x", "//x"),
        ] {
            assert_eq!(pattern(route).matches(path), None, "{route} {path}");
        }
    }

    #[test]
    fn of_all_that_match_the_first_is_the_most_specific() {
        let mut sorted: Vec<_> =
            ["/...", "/one/...", "/one", "/", "/:x", "/one/two/...", "/one/:x", "/one/two", "/:x/two", "/:x/..."]
                .map(pattern)
                .into();
        sorted.sort();
        let best = |path: &str| sorted.iter().find(|pattern| pattern.matches(path).is_some()).unwrap().to_string();
        for (path, expected) in [
            ("/", "/"),
            ("/one", "/one"),
            ("/one/", "/one"),
            ("/two", "/:x"),
            ("/one/two", "/one/two"),
            ("/one/three", "/one/:x"),
            ("/two/two", "/:x/two"),
            ("/two/three", "/:x/..."),
            ("/one/two/three", "/one/two/..."),
            ("/one/three/four", "/one/..."),
        ] {
            assert_eq!(best(path), expected, "{path}");
        }
    }

    #[test]
    fn routes_that_are_the_same() {
        for (one, other, same) in [
            ("/a", "a/", true),
            ("/a/...", "/a/*", true),
            ("/:a", "/:b", true),
            ("/a", "/b", false),
            ("/a", "/a/...", false),
            ("/:a", "/a", false),
            ("/:a/b", "/b/:a", false),
        ] {
            assert_eq!(pattern(one).is_same_as(&pattern(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn reserved_routes() {
        for (base, route, reserved) in [
            ("/", "/.well-known/spin/...", true),
            ("/", "/.well-known/spin/health", true),
            ("/.well-known", "spin/x", true),
            ("/", "/.well-known/spin", false),
            ("/", "/.well-known/spindle/...", false),
            ("/", "/...", false),
        ] {
            assert_eq!(RoutePattern::new(base, route).unwrap().is_reserved(), reserved, "{base} {route}");
        }
    }
}
