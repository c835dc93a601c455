//! From a channel's domain to the application's URL. Hippo knows neither the scheme nor the port of the proxy in front
//! of the applications.

use url::Url;

/// What stands for the channel's domain.
const DOMAIN: &str = "{domain}";

/// How a channel's domain becomes a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUrl(String);

impl AppUrl {
    /// This scheme, the domain, the scheme's own port.
    pub fn with_scheme(scheme: &str) -> AppUrl {
        AppUrl(format!("{scheme}://{DOMAIN}"))
    }

    /// As written: `{domain}` stands for the domain; without it every channel has this one URL.
    pub fn parse(template: &str) -> Result<AppUrl, String> {
        // The template itself is not repeated: it may hold a password.
        let fault = |what: &str| Err(format!("it {what}"));
        let Ok(url) = Url::parse(&template.replace(DOMAIN, "web.example.com")) else {
            return fault("is no URL");
        };
        if !matches!(url.scheme(), "http" | "https") {
            fault("does not begin with http:// or https://")
        } else if !url.username().is_empty() || url.password().is_some() {
            fault("holds a user; applications are asked without one")
        } else if url.query().is_some() || url.fragment().is_some() {
            fault("has a query or a fragment")
        } else if template.replace(DOMAIN, "").contains(['{', '}']) {
            fault("has other braces than `{domain}`")
        } else {
            Ok(AppUrl(template.to_owned()))
        }
    }

    /// The URL of the channel with this domain; `None` where the domain makes none.
    pub fn of(&self, domain: &str) -> Option<Url> {
        if domain.is_empty() && self.0.contains(DOMAIN) {
            return None;
        }
        Url::parse(&self.0.replace(DOMAIN, domain)).ok()
    }
}

/// A URL as releases name it: without a trailing slash.
pub fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_domains() {
        let table = [
            (AppUrl::with_scheme("https"), "https://web.example.com"),
            (AppUrl::parse("http://{domain}:8088").unwrap(), "http://web.example.com:8088"),
            (AppUrl::parse("http://127.0.0.1:3000/{domain}/").unwrap(), "http://127.0.0.1:3000/web.example.com"),
            (AppUrl::parse("http://localhost:3000").unwrap(), "http://localhost:3000"),
        ];
        for (app_url, url) in table {
            assert_eq!(plain(&app_url.of("web.example.com").unwrap()), url);
        }
        assert_eq!(AppUrl::with_scheme("https").of(""), None);
    }

    #[test]
    fn templates_that_make_no_url_are_refused() {
        let templates =
            ["", "{domain}", "ftp://{domain}", "http://a:b@{domain}", "http://{domain}?x", "http://{host}", "http://"];
        for template in templates {
            assert!(AppUrl::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn refusals_do_not_repeat_a_password() {
        let refusal = AppUrl::parse("https://ops:hunter2@{domain}").unwrap_err();
        assert_eq!(refusal, "it holds a user; applications are asked without one");
    }
}
