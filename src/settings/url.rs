//! Addresses as people write them.

use url::{Host, Url};

/// Why an address cannot be used. Never holds the address itself: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// `hippo.example.com`, `localhost:5309`.
    #[error("it does not begin with https:// or http://")]
    NoScheme {
        /// What was probably meant.
        meant: Option<String>,
    },
    /// `ftp://…`.
    #[error("{scheme}:// is not https:// or http://")]
    NotHttp { scheme: String },
    /// `https://user:password@…`.
    #[error("it holds a username or a password, which have settings of their own")]
    UserInfo,
    /// `https://…?…`.
    #[error("it has a query (?…), which would be lost")]
    Query,
    /// `https://…#…`.
    #[error("it has a fragment (#…), which would be lost")]
    Fragment,
    /// Not an address at all.
    #[error("it is not a URL: {0}")]
    Invalid(#[source] url::ParseError),
}

impl UrlProblem {
    /// What to do about it, where nobody can tell what was meant.
    pub fn remedy(&self) -> &'static str {
        match self {
            UrlProblem::NoScheme { .. } | UrlProblem::NotHttp { .. } => "write it like https://example.com/path",
            UrlProblem::UserInfo => "leave them out there, and keep them by `spin-deploy login`",
            UrlProblem::Query => "leave out the `?` and what follows it",
            UrlProblem::Fragment => "leave out the `#` and what follows it",
            UrlProblem::Invalid(_) => "write it like https://example.com:8080/path",
        }
    }

    /// What was probably meant.
    pub fn example(&self) -> Option<String> {
        match self {
            UrlProblem::NoScheme { meant } => meant.clone(),
            _ => None,
        }
    }
}

/// Reads the address of a server. A path is kept: it is the prefix of every request's path.
pub fn parse(text: &str) -> Result<Url, UrlProblem> {
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        // `localhost:5309` is the scheme `localhost` to a parser, and a missing one to people.
        _ if !text.contains("://") => return Err(UrlProblem::NoScheme { meant: meant(text) }),
        Ok(url) => return Err(UrlProblem::NotHttp { scheme: url.scheme().to_owned() }),
        Err(error) => return Err(UrlProblem::Invalid(error)),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::UserInfo);
    }
    if url.query().is_some() {
        return Err(UrlProblem::Query);
    }
    if url.fragment().is_some() {
        return Err(UrlProblem::Fragment);
    }
    Ok(url)
}

/// The same text with a scheme, where that makes it an address that can be used and shown.
fn meant(text: &str) -> Option<String> {
    // What stands before an `@` may be a password, wherever a parser puts it: `http//user:password@example.com`.
    if text.starts_with('/') || text.contains('@') {
        return None;
    }
    let secure = format!("https://{text}");
    let url = parse(&secure).ok()?;
    Some(if is_loopback(&url) { format!("http://{text}") } else { secure })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_can_be_used_are_kept_with_their_path() {
        for text in ["https://hippo.example.com/", "http://127.0.0.1:8080/v1", "https://example.com/some/prefix/"] {
            assert_eq!(parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn every_other_address_says_why_not() {
        let no_scheme = |meant: &str| UrlProblem::NoScheme { meant: Some(meant.to_owned()) };
        let table = [
            ("hippo.example.com", no_scheme("https://hippo.example.com")),
            ("hippo.example.com:5309/x", no_scheme("https://hippo.example.com:5309/x")),
            ("localhost:5309", no_scheme("http://localhost:5309")),
            ("127.0.0.1:8080/v1", no_scheme("http://127.0.0.1:8080/v1")),
            ("[::1]:8080", no_scheme("http://[::1]:8080")),
            ("user:hunter2@example.com", UrlProblem::NoScheme { meant: None }),
            ("http//user:hunter2@example.com", UrlProblem::NoScheme { meant: None }),
            ("/v1", UrlProblem::NoScheme { meant: None }),
            ("ftp://example.com", UrlProblem::NotHttp { scheme: "ftp".to_owned() }),
            ("https://admin:hunter2@example.com", UrlProblem::UserInfo),
            ("https://admin@example.com", UrlProblem::UserInfo),
            ("https://:hunter2@example.com", UrlProblem::UserInfo),
            ("https://example.com/?token=hunter2", UrlProblem::Query),
            ("https://example.com/#x", UrlProblem::Fragment),
            ("https://example.com:x", UrlProblem::Invalid(url::ParseError::InvalidPort)),
            ("https://", UrlProblem::Invalid(url::ParseError::EmptyHost)),
        ];
        for (text, expected) in table {
            let problem = parse(text).unwrap_err();
            assert_eq!(problem, expected, "{text}");
            assert!(!format!("{problem} {problem:?}").contains("hunter2"), "{text}");
        }
    }
}
