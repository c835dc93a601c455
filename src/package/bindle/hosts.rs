//! Outbound hosts: from patterns with schemes to the host list of Spin 0.10.
//!
//! That list knows neither schemes nor ranges. An entry is read as a URL (as `http://` where it has no scheme) and
//! allows its host with that very port, on any scheme; a port that is the default of the URL's scheme counts as
//! none, both in the entry and in the request (`fermyon/spin crates/outbound-http/src/allowed_http_hosts.rs@v0.10.1`).

use std::collections::{BTreeMap, BTreeSet};

use crate::app::{Component, ManifestFormat};
use crate::package::Findings;
use crate::package::common::below;

const ALLOW_ALL: &str = "insecure:allow-all";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scheme {
    Http,
    Https,
}

const BOTH: [Scheme; 2] = [Scheme::Http, Scheme::Https];

impl Scheme {
    fn parse(text: &str) -> Option<Scheme> {
        BOTH.into_iter().find(|scheme| scheme.name() == text)
    }

    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// What an entry of the manifest allows, in words that 0.10 can follow.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Any host and port, on these schemes.
    Anywhere(Vec<Scheme>),
    /// One host and port on each of these schemes; without a port each scheme's default.
    Host { schemes: Vec<Scheme>, host: String, port: Option<u16> },
    /// A database, for which 0.10 has no list.
    Database,
}

/// Why an entry has no equivalent.
#[derive(Debug, PartialEq, Eq)]
enum Objection {
    /// Calls between components (Spin 2.4).
    Chaining,
    /// Anything else, and why.
    NoEquivalent(&'static str),
}

use Objection::NoEquivalent;

/// The component's `allowedHttpHosts`.
pub(super) fn map(component: &Component, format: ManifestFormat, findings: &mut Findings) -> Vec<String> {
    let mut list = HostList::default();
    let mut databases = Vec::new();
    let old = component.allowed_http_hosts.iter().map(|entry| ("allowed_http_hosts", entry, old_entry(entry)));
    let new = component.allowed_outbound_hosts.iter().flatten();
    let new = new.map(|entry| ("allowed_outbound_hosts", entry, entry_with_scheme(entry)));
    let mut refused = false;
    for (key, entry, meaning) in old.chain(new) {
        match meaning {
            Ok(Meaning::Database) => databases.push(format!("`{entry}`")),
            Ok(meaning) => list.allow(meaning),
            Err(objection) => {
                refused = true;
                refuse(component, key, entry, &objection, findings);
            }
        }
    }
    if !databases.is_empty() {
        findings.warn(format!(
            "component `{}`: {} cannot be passed on; Spin 0.10 lets every component reach any Redis, MySQL and \
             PostgreSQL server",
            component.id,
            databases.join(", ")
        ));
    }
    if refused {
        return Vec::new();
    }
    // The list of a version 1 manifest is in the words of 0.10 already.
    if format == ManifestFormat::V1 && component.allowed_outbound_hosts.is_none() {
        return component.allowed_http_hosts.clone();
    }
    list.write(&component.id, findings)
}

fn refuse(component: &Component, key: &str, entry: &str, objection: &Objection, findings: &mut Findings) {
    let id = &component.id;
    let at = below(&component.at, key);
    match objection {
        Objection::Chaining => findings.refuse(
            "E3",
            at,
            format!(
                "component `{id}`: `{entry}` calls another component, which needs Spin 2.4; bindles run on Spin 0.10"
            ),
            "give the other component a public route and call that, or choose a target with a newer Spin",
        ),
        NoEquivalent(why) => findings.refuse(
            "E10",
            at,
            format!("component `{id}`: host `{entry}` cannot be expressed in the host list of Spin 0.10: {why}"),
            "list each host with its port, or allow all with `http://*:*` and `https://*:*`",
        ),
    }
}

/// An entry of `allowed_http_hosts`: `insecure:allow-all`, or a host that is meant for both schemes.
fn old_entry(entry: &str) -> Result<Meaning, Objection> {
    if entry == ALLOW_ALL {
        return Ok(Meaning::Anywhere(BOTH.into()));
    }
    let (schemes, rest) = match entry.split_once("://") {
        None => (BOTH.to_vec(), entry),
        Some((scheme, rest)) => {
            let scheme = Scheme::parse(scheme).ok_or(NoEquivalent("it speaks neither HTTP nor HTTPS"))?;
            (vec![scheme], rest)
        }
    };
    let (host, port) = host_and_port(rest)?;
    if host == "*" {
        return Err(NoEquivalent("it has a wildcard"));
    }
    Ok(Meaning::Host { port: exact_port(port)?, host: exact_host(host)?, schemes })
}

/// An entry of `allowed_outbound_hosts`.
fn entry_with_scheme(entry: &str) -> Result<Meaning, Objection> {
    let (scheme, rest) = entry.split_once("://").ok_or(NoEquivalent("it has no scheme"))?;
    // Whatever stands behind such a scheme: there is no list that it would have to be in.
    if ["redis", "mysql", "postgres"].contains(&scheme) {
        return Ok(Meaning::Database);
    }
    let (host, port) = host_and_port(rest)?;
    let anywhere = host == "*" && port == Some("*");
    if scheme == "*" {
        return if anywhere {
            Ok(Meaning::Anywhere(BOTH.into()))
        } else {
            Err(NoEquivalent("it stands for any protocol"))
        };
    }
    let schemes = vec![Scheme::parse(scheme).ok_or(NoEquivalent("it speaks neither HTTP nor HTTPS"))?];
    if anywhere {
        return Ok(Meaning::Anywhere(schemes));
    }
    Ok(Meaning::Host { host: exact_host(host)?, port: exact_port(port)?, schemes })
}

/// Splits `host[:port][/]`; an IPv6 address keeps its brackets.
fn host_and_port(text: &str) -> Result<(&str, Option<&str>), Objection> {
    if text.contains("{{") {
        return Err(NoEquivalent("it holds a template"));
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.contains('/') {
        return Err(NoEquivalent("it has a path or an address range"));
    }
    let host_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    Ok(match text[host_end..].split_once(':') {
        Some((rest, port)) => (&text[..host_end + rest.len()], Some(port)),
        None => (text, None),
    })
}

fn exact_host(host: &str) -> Result<String, Objection> {
    let host = host.to_ascii_lowercase();
    let literal = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
    if host == "self" || host == "self.alt" {
        Err(NoEquivalent("it does not know `self`"))
    } else if host.ends_with(".spin.internal") {
        Err(Objection::Chaining)
    } else if host.contains('*') {
        Err(NoEquivalent("it has a wildcard"))
    } else if host.is_empty() || !host.chars().all(literal) {
        Err(NoEquivalent("it names no host"))
    } else {
        Ok(host)
    }
}

fn exact_port(port: Option<&str>) -> Result<Option<u16>, Objection> {
    match port {
        None => Ok(None),
        Some(port) if port.contains("..") || port == "*" => Err(NoEquivalent("it has a range of ports")),
        Some(port) => port.parse().map(Some).map_err(|_| NoEquivalent("its port is no number")),
    }
}

/// A host list in the making.
#[derive(Default)]
struct HostList {
    /// The schemes on which anything is allowed.
    anywhere: BTreeSet<Scheme>,
    /// The entries in the order in which they came up, and the schemes on which the manifest allows each.
    entries: Vec<String>,
    schemes: BTreeMap<String, BTreeSet<Scheme>>,
}

impl HostList {
    fn allow(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Anywhere(schemes) => self.anywhere.extend(schemes),
            Meaning::Host { schemes, host, port } => {
                for scheme in schemes {
                    let entry = entry(scheme, &host, port.unwrap_or(scheme.default_port()));
                    if !self.entries.contains(&entry) {
                        self.entries.push(entry.clone());
                    }
                    self.schemes.entry(entry).or_default().insert(scheme);
                }
            }
            Meaning::Database => {}
        }
    }

    /// The list, with a warning for each scheme that it allows beyond the manifest.
    fn write(self, component: &str, findings: &mut Findings) -> Vec<String> {
        if !self.anywhere.is_empty() {
            if let Some(scheme) = missing(&self.anywhere) {
                findings.warn(format!(
                    "component `{component}`: any host can be reached over {} as well, because the host list of Spin \
                     0.10 has no schemes",
                    scheme.name()
                ));
            }
            return vec![ALLOW_ALL.into()];
        }
        for entry in &self.entries {
            // These can be met by one scheme only, see `entry`.
            let exact = entry.starts_with("https://") || entry.ends_with(":443");
            if let Some(scheme) = missing(&self.schemes[entry]).filter(|_| !exact) {
                findings.warn(format!(
                    "component `{component}`: `{entry}` can be reached over {} as well, because the host list of Spin \
                     0.10 has no schemes",
                    scheme.name()
                ));
            }
        }
        self.entries
    }
}

fn missing(schemes: &BTreeSet<Scheme>) -> Option<Scheme> {
    BOTH.into_iter().find(|scheme| !schemes.contains(scheme))
}

/// The entry that a request to this host and port meets.
fn entry(scheme: Scheme, host: &str, port: u16) -> String {
    if port == scheme.default_port() {
        host.to_owned()
    } else if port == Scheme::Http.default_port() {
        // Without its scheme it would be read as `http://` and lose the port.
        format!("https://{host}:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::fixture;

    fn mapped(format: ManifestFormat, old: &[&str], new: Option<&[&str]>) -> (Vec<String>, Findings) {
        let mut component = fixture::component("web", std::path::Path::new("."));
        component.allowed_http_hosts = old.iter().map(|entry| entry.to_string()).collect();
        component.allowed_outbound_hosts = new.map(|new| new.iter().map(|entry| entry.to_string()).collect());
        let mut findings = Findings::default();
        (map(&component, format, &mut findings), findings)
    }

    /// What version 0.10.1 allows by a list: the rule of the module's documentation, written once more.
    fn allowed_by(list: &[String], request: &str) -> bool {
        let request = url::Url::parse(request).unwrap();
        list.iter().any(|entry| {
            let url = if entry.contains("//") { entry.clone() } else { format!("http://{entry}") };
            entry == ALLOW_ALL
                || url::Url::parse(&url)
                    .is_ok_and(|url| (url.host_str(), url.port()) == (request.host_str(), request.port()))
        })
    }

    #[test]
    fn entries_that_map() {
        use Scheme::{Http, Https};
        // What the manifest lists, the list for 0.10, and the scheme that it adds.
        for (hosts, expected, added) in [
            (&["https://h", "http://h"][..], &["h"][..], None),
            (&["https://h"], &["h"], Some(Http)),
            (&["http://h"], &["h"], Some(Https)),
            (&["https://h/"], &["h"], Some(Http)),
            (&["https://H.example.com"], &["h.example.com"], Some(Http)),
            (&["https://h:443"], &["h"], Some(Http)),
            (&["http://h:80", "https://h:443"], &["h"], None),
            (&["http://h:443"], &["h:443"], None),
            (&["https://h:80"], &["https://h:80"], None),
            (&["http://h:8080", "https://h:8080"], &["h:8080"], None),
            (&["http://h:8080"], &["h:8080"], Some(Https)),
            (&["http://[::1]:8080", "https://[::1]:8080"], &["[::1]:8080"], None),
            (&["http://[::1]", "https://[::1]"], &["[::1]"], None),
            (&["http://10.0.0.1", "https://10.0.0.1"], &["10.0.0.1"], None),
            (&["http://*:*", "https://*:*"], &[ALLOW_ALL], None),
            (&["https://*:*"], &[ALLOW_ALL], Some(Http)),
            (&["*://*:*"], &[ALLOW_ALL], None),
            (&["https://h", "http://*:*", "https://*:*"], &[ALLOW_ALL], None),
            (&["http://b", "https://b", "http://a", "https://a"], &["b", "a"], None),
            (&[], &[], None),
        ] {
            let (list, findings) = mapped(ManifestFormat::V2, &[], Some(hosts));
            assert_eq!(list, expected, "{hosts:?}");
            assert_eq!(findings.refusals, [], "{hosts:?}");
            let over = added.map(|scheme| format!("over {} as well", scheme.name()));
            assert_eq!(findings.warnings.len(), usize::from(over.is_some()), "{hosts:?}: {:?}", findings.warnings);
            assert!(findings.warnings.iter().all(|text| text.contains(over.as_deref().unwrap())), "{hosts:?}");
        }
    }

    #[test]
    fn what_the_manifest_allows_is_allowed_and_no_more_than_the_warnings_say() {
        for scheme in BOTH {
            for port in [80, 443, 8080] {
                let host = format!("{}://h:{port}", scheme.name());
                let (list, findings) = mapped(ManifestFormat::V2, &[], Some(&[&host]));
                assert!(allowed_by(&list, &host), "{host} by {list:?}");
                let widened = BOTH
                    .into_iter()
                    .flat_map(|scheme| [80, 443, 8080].map(|port| format!("{}://h:{port}", scheme.name())))
                    .filter(|other| *other != host && allowed_by(&list, other))
                    .count();
                assert_eq!(widened, findings.warnings.len(), "{host} by {list:?}");
            }
        }
    }

    #[test]
    fn entries_without_an_equivalent() {
        for (host, why) in [
            ("https://*.example.com", "it has a wildcard"),
            ("https://*", "it has a wildcard"),
            ("https://h:*", "it has a range of ports"),
            ("https://h:80..90", "it has a range of ports"),
            ("https://10.0.0.0/8", "it has a path or an address range"),
            ("https://h/path", "it has a path or an address range"),
            ("*://h:80", "it stands for any protocol"),
            ("http://self", "it does not know `self`"),
            ("http://self.alt", "it does not know `self`"),
            ("mqtt://h:1883", "it speaks neither HTTP nor HTTPS"),
            ("https://{{ host }}", "it holds a template"),
            ("https://{a,b}.example.com", "it names no host"),
            ("https://", "it names no host"),
            ("https://h:http", "its port is no number"),
            ("h", "it has no scheme"),
        ] {
            let (list, findings) = mapped(ManifestFormat::V2, &[], Some(&[host]));
            assert_eq!(list, [""; 0], "{host}");
            let [refusal] = findings.refusals.as_slice() else { panic!("{host}: {findings:?}") };
            assert_eq!(refusal.code, Some("E10"), "{host}");
            assert!(refusal.message.ends_with(why), "{host}: {}", refusal.message);
            assert_eq!(refusal.at.as_ref().unwrap().key, "component.web.allowed_outbound_hosts");
        }
        for host in ["http://*.spin.internal", "http://api.spin.internal"] {
            let (_, findings) = mapped(ManifestFormat::V2, &[], Some(&[host]));
            assert_eq!(findings.refusals[0].code, Some("E3"), "{host}");
        }
    }

    #[test]
    fn the_old_list_is_kept_as_it_is_in_version_1() {
        let old = ["https://example.com", "h:443", "H", ALLOW_ALL];
        let (list, findings) = mapped(ManifestFormat::V1, &old, None);
        assert_eq!(list, old);
        assert_eq!(findings, Findings::default());
        let (_, findings) = mapped(ManifestFormat::V1, &["self", "ftp://h", "{{ h }}", "h/path", "*.h"], None);
        assert_eq!(findings.refusals.len(), 5);
    }

    #[test]
    fn the_old_list_means_both_schemes_elsewhere() {
        for format in [ManifestFormat::V1, ManifestFormat::V2] {
            let (list, findings) = mapped(format, &["h", "k:8080"], Some(&["http://l", "https://l"]));
            assert_eq!(list, ["h", "k:8080", "l"]);
            assert_eq!(findings, Findings::default());
        }
        assert_eq!(mapped(ManifestFormat::V2, &[ALLOW_ALL], None).0, [ALLOW_ALL]);
    }

    #[test]
    fn databases_are_dropped_with_one_warning() {
        let hosts = ["redis://r:6379", "https://h", "http://h", "mysql://{{ db }}", "postgres://10.0.0.0/8"];
        let (list, findings) = mapped(ManifestFormat::V2, &[], Some(&hosts));
        assert_eq!(list, ["h"]);
        assert_eq!(
            findings.warnings,
            [
                "component `web`: `redis://r:6379`, `mysql://{{ db }}`, `postgres://10.0.0.0/8` cannot be passed on; Spin 0.10 lets every \
              component reach any Redis, MySQL and PostgreSQL server"
            ]
        );
    }
}
