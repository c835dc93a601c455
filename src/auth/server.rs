//! Which server a credential belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// A server's origin: scheme, host and port. What is kept for one is never sent to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerOrigin(String);

impl From<&Url> for ServerOrigin {
    fn from(url: &Url) -> Self {
        ServerOrigin(url.origin().ascii_serialization())
    }
}

impl fmt::Display for ServerOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |url: &str| ServerOrigin::from(&Url::parse(url).unwrap()).to_string();
        assert_eq!(origin("https://Dana:x@Hippo.example.com:443/a/b?c"), "https://hippo.example.com");
        assert_eq!(origin("http://127.0.0.1:5309/"), "http://127.0.0.1:5309");
        assert_ne!(origin("http://hippo.example.com"), origin("https://hippo.example.com"));
    }
}
