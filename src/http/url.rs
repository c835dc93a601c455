//! Addresses: how to show them, and which of them never leave this machine.

use std::fmt;

use url::{Host, Url};

/// An address without user info, query and fragment: safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

impl From<&Url> for SafeUrl {
    fn from(url: &Url) -> Self {
        let mut url = url.clone();
        // A URL that cannot have credentials has none to hide.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        SafeUrl(url.to_string())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the address is this machine by its very text: a loopback address, `localhost` or `*.localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

/// Whether the name is one of those that RFC 6761 (section 6.3) keeps for loopback.
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the name is one of those that RFC 6761 (section 6.4) keeps for having no address.
pub(super) fn is_invalid(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "invalid" || name.ends_with(".invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_hides() {
        for (url, shown) in [
            ("https://dana:hunter2@example.com/a/b?token=t#frag", "https://example.com/a/b"),
            ("http://127.0.0.1:8080/v1/_i/shop/1.0.0+s1", "http://127.0.0.1:8080/v1/_i/shop/1.0.0+s1"),
            ("https://hunter2@example.com", "https://example.com/"),
        ] {
            assert_eq!(SafeUrl::from(&Url::parse(url).unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn which_hosts_are_loopback() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.9.8.7:81", true),
            ("[::1]:80", true),
            ("localhost", true),
            ("LOCALHOST.", true),
            ("shop.localhost:5309", true),
            ("localhost.example.com", false),
            ("notlocalhost", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("[::2]", false),
            ("127.0.0.1.example.com", false),
            ("127.0.0.1@example.com", false),
        ] {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(is_loopback(&url), expected, "{host}");
        }
    }
}
