//! Addresses that can be shown.

use std::fmt;

use url::Url;

/// An address without user info, query values and fragment: safe to print.
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
