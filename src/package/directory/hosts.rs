//! Outbound hosts: which addresses a component may call, by Spin's rules
//! (`crates/outbound-networking-config/src/allowed_hosts.rs@v4.0.2`).

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

use crate::app::{Component, ManifestFormat};

/// What stands for everything in `allowed_http_hosts`.
const ALLOW_ALL: &str = "insecure:allow-all";
/// The domain of an application's own components.
const INTERNAL: &str = "spin.internal";

/// The list of a component, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
}

/// An entry that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is no host to allow: {why}")]
pub struct HostsError {
    /// As written, templates expanded.
    pub entry: String,
    /// What is wrong with it: a fragment, in which nothing of the entry is repeated.
    pub why: String,
}

impl AllowedHosts {
    /// Parses the entries of `allowed_outbound_hosts`, templates expanded.
    pub fn parse(entries: &[String]) -> Result<AllowedHosts, HostsError> {
        let entry = |text: &String| {
            Entry::parse(text.trim()).map_err(|why| HostsError { entry: text.clone(), why: why.to_owned() })
        };
        Ok(AllowedHosts { entries: entries.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// Adds the entries of another list.
    pub(super) fn extend(&mut self, other: AllowedHosts) {
        self.entries.extend(other.entries);
    }

    /// Whether a connection to that host and port with that scheme (`http`, `https`, `tcp`, …) is allowed. `host` is a
    /// name or an address, an IPv6 one without brackets.
    pub fn allow(&self, scheme: &str, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        self.entries
            .iter()
            .any(|entry| entry.allows_scheme(scheme) && entry.host.allows(&host) && entry.ports.allow(port))
    }

    /// Whether the component may call its own application's routes (`http://self`).
    pub fn allow_self(&self) -> bool {
        self.entries.iter().any(|entry| {
            matches!(entry.host, Host::Any | Host::Own) && ["http", "https"].iter().any(|it| entry.allows_scheme(it))
        })
    }

    /// Whether the component may call that component of its own application (`http://<id>.spin.internal`).
    pub fn allow_component(&self, id: &str) -> bool {
        self.allow("http", &format!("{id}.{INTERNAL}"), 80)
    }

    /// Whether anything outside the application may be called.
    pub fn allow_network(&self) -> bool {
        self.entries.iter().any(|entry| match &entry.host {
            Host::Own => false,
            Host::Below(host) | Host::Name(host) => !format!(".{host}").ends_with(&format!(".{INTERNAL}")),
            Host::Any | Host::Net(_) => true,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// `None` for any.
    scheme: Option<String>,
    host: Host,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// `self`: the application's own routes.
    Own,
    /// `*.domain`, without the `*`.
    Below(String),
    Name(String),
    Net(IpNet),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    Any,
    One(u16),
    /// The end is not in it.
    Some(Range<u16>),
}

impl Entry {
    fn parse(text: &str) -> Result<Entry, &'static str> {
        if text == ALLOW_ALL {
            return Err("only `allowed_http_hosts` knows this word; write `*://*:*`");
        }
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme, as in `https://`")?;
        let (host, port) = host_and_port(rest)?;
        Ok(Entry { scheme: parse_scheme(scheme)?, host: Host::parse(host)?, ports: Ports::parse(port, scheme)? })
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        self.scheme.as_ref().is_none_or(|allowed| allowed.eq_ignore_ascii_case(scheme))
    }
}

fn parse_scheme(text: &str) -> Result<Option<String>, &'static str> {
    match text {
        "*" => Ok(None),
        "" => Err("its scheme is empty"),
        text if text.chars().all(|c| c.is_ascii_alphabetic()) => Ok(Some(text.to_owned())),
        _ => Err("its scheme is neither `*` nor a word of letters"),
    }
}

/// Splits `host[:port][/]`; an IPv6 address may have brackets, a network has a slash of its own.
fn host_and_port(text: &str) -> Result<(&str, &str), &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let bracket = text.find(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text[bracket..].rsplit_once(':') {
        Some((rest, port)) => (&text[..bracket + rest.len()], port),
        None => (text, ""),
    };
    if port.contains('/') {
        return Err("it has a path");
    }
    Ok((host, port))
}

impl Host {
    fn parse(text: &str) -> Result<Host, &'static str> {
        let host = text.to_ascii_lowercase();
        if let Some(net) = parse_net(&host) {
            return Ok(Host::Net(net));
        }
        if host.contains('/') {
            return Err("it has a path, or its range of addresses is none");
        }
        let name = |name: &str| match is_name(name) {
            true => Ok(name.to_owned()),
            false => Err("it names no host"),
        };
        match host.as_str() {
            "*" => Ok(Host::Any),
            "self" | "self.alt" => Ok(Host::Own),
            host if host.starts_with('{') => Err("lists in braces are not possible; write an entry for each"),
            host => match host.strip_prefix("*.") {
                Some(domain) if domain.contains('*') => Err("its host has more than one wildcard"),
                Some(domain) => Ok(Host::Below(format!(".{}", name(domain)?))),
                None if host.contains('*') => Err("the wildcard is not the whole of the first part of its host"),
                None => Ok(Host::Name(name(host)?)),
            },
        }
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Host::Any => true,
            Host::Own => false,
            Host::Below(suffix) => host.ends_with(suffix),
            Host::Name(name) => name == host,
            Host::Net(net) => host.parse().is_ok_and(|address: IpAddr| net.contains(&address)),
        }
    }
}

/// An address with or without brackets, or a network.
fn parse_net(host: &str) -> Option<IpNet> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<IpAddr>().ok().map(IpNet::from);
    address.or_else(|| host.parse().ok())
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

impl Ports {
    fn parse(text: &str, scheme: &str) -> Result<Ports, &'static str> {
        let number = |text: &str| text.parse::<u16>().map_err(|_| "its port is neither `*`, a number nor a range");
        match (text, text.split_once("..")) {
            ("", _) => well_known(scheme).map(Ports::One).ok_or("it has no port, and its scheme has no usual one"),
            ("*", _) => Ok(Ports::Any),
            (port, None) => Ok(Ports::One(number(port)?)),
            (_, Some((low, high))) => match number(low)?..number(high)? {
                range if range.is_empty() => Err("its range of ports is empty"),
                range => Ok(Ports::Some(range)),
            },
        }
    }

    fn allow(&self, port: u16) -> bool {
        match self {
            Ports::Any => true,
            Ports::One(one) => *one == port,
            Ports::Some(range) => range.contains(&port),
        }
    }
}

fn well_known(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        _ => None,
    }
}

/// An entry of the manifest, and what it means in the words of `allowed_outbound_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed<'a> {
    /// The key that it stands under.
    pub key: &'static str,
    /// As it is written.
    pub written: &'a str,
    /// What it means; templates are as they were. `Err` says what is wrong with it.
    pub meaning: Result<Vec<String>, &'static str>,
}

/// What the manifest allows a component beyond the entries that it lists: a format 1 component without
/// `allowed_outbound_hosts` may call every database (`crates/manifest/src/compat.rs@v4.0.2`).
pub(super) fn implied(component: &Component, format: ManifestFormat) -> &'static [&'static str] {
    match (format, &component.allowed_outbound_hosts) {
        (ManifestFormat::V1, None) => &["redis://*:*", "mysql://*:*", "postgres://*:*"],
        _ => &[],
    }
}

/// Both lists of a component as one.
pub(super) fn listed(component: &Component) -> impl Iterator<Item = Listed<'_>> {
    let new = component.allowed_outbound_hosts.iter().flatten();
    let new =
        new.map(|entry| Listed { key: "allowed_outbound_hosts", written: entry, meaning: Ok(vec![entry.clone()]) });
    let old = component.allowed_http_hosts.iter();
    let old = old.map(|entry| Listed { key: "allowed_http_hosts", written: entry, meaning: from_http_host(entry) });
    new.chain(old)
}

/// An entry of `allowed_http_hosts`: a host that is meant for both schemes, whichever one it has
/// (`crates/manifest/src/compat/allowed_http_hosts.rs@v4.0.2`).
fn from_http_host(entry: &str) -> Result<Vec<String>, &'static str> {
    match entry {
        ALLOW_ALL => return Ok(["http://*:*", "https://*:*", "http://self"].map(String::from).into()),
        "self" => return Ok(vec!["http://self".into()]),
        _ => {}
    }
    let host = match entry.split_once("://") {
        None => entry,
        Some(("http" | "https", host)) => host,
        Some(_) => return Err("it speaks neither HTTP nor HTTPS"),
    };
    if host.contains(['*', '{']) {
        return Err("`allowed_http_hosts` knows neither wildcards nor templates; write it in `allowed_outbound_hosts`");
    }
    if host_and_port(host)?.0.contains('/') {
        return Err("it has a path");
    }
    Ok(vec![format!("http://{host}"), format!("https://{host}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::fixture;

    fn hosts(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::parse(&entries.iter().map(|entry| entry.to_string()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_what_is_outside_the_application_is_on_the_network() {
        for entry in ["http://self", "http://*.spin.internal", "http://backend.spin.internal"] {
            assert!(!hosts(&[entry]).allow_network(), "{entry}");
        }
        assert!(!hosts(&[]).allow_network());
        for entry in
            ["http://h.example", "https://*.h.example", "*://*:*", "tcp://10.0.0.0/8:5432", "http://xspin.internal"]
        {
            assert!(hosts(&["http://self", entry]).allow_network(), "{entry}");
        }
    }

    #[test]
    fn what_an_entry_allows() {
        for (entry, scheme, host, port, allowed) in [
            ("https://h.example", "https", "h.example", 443, true),
            ("https://h.example/", "https", "H.Example", 443, true),
            ("https://H.example", "https", "h.example", 443, true),
            ("https://h.example", "http", "h.example", 443, false),
            ("https://h.example", "https", "h.example", 8443, false),
            ("https://h.example", "https", "x.h.example", 443, false),
            ("https://h.example:443", "https", "h.example", 443, true),
            ("*://h:*", "tcp", "h", 1, true),
            ("*://h:80", "http", "h", 80, true),
            ("redis://h", "redis", "h", 6379, true),
            ("mqtt://h", "mqtt", "h", 1883, true),
            ("http://h:80..90", "http", "h", 80, true),
            ("http://h:80..90", "http", "h", 89, true),
            ("http://h:80..90", "http", "h", 90, false),
            ("https://*.example.com", "https", "a.b.example.com", 443, true),
            ("https://*.example.com", "https", "example.com", 443, false),
            ("https://*.example.com", "https", "badexample.com", 443, false),
            ("https://*", "https", "anything", 443, true),
            ("https://*", "https", "anything", 444, false),
            ("http://10.0.0.1", "http", "10.0.0.1", 80, true),
            ("http://10.0.0.0/8", "http", "10.1.2.3", 80, true),
            ("http://10.1.0.0/8:8080", "http", "10.9.9.9", 8080, true),
            ("http://10.0.0.0/8", "http", "11.0.0.1", 80, false),
            ("http://10.0.0.0/8", "http", "ten.example", 80, false),
            ("http://[::1]", "http", "::1", 80, true),
            ("http://[::1]:8080", "http", "0:0:0:0:0:0:0:1", 8080, true),
            ("http://[::1]:8080", "http", "::2", 8080, false),
            ("http://self", "http", "self", 80, false),
            ("*://*:*", "tcp", "::1", 1, true),
        ] {
            assert_eq!(hosts(&[entry]).allow(scheme, host, port), allowed, "{entry}: {scheme} {host} {port}");
        }
        assert!(!AllowedHosts::default().allow("http", "h", 80));
        assert!(hosts(&["http://a", "http://b"]).allow("http", "b", 80));
    }

    #[test]
    fn who_may_call_the_own_application() {
        for (entry, own, component) in [
            ("http://self", true, false),
            ("https://self.alt", true, false),
            ("http://self:8080", true, false),
            ("redis://self", false, false),
            ("http://*", true, true),
            ("http://*:*", true, true),
            ("*://*:*", true, true),
            ("http://api.spin.internal", false, true),
            ("http://*.spin.internal", false, true),
            ("http://other.spin.internal", false, false),
            ("http://api", false, false),
            ("redis://*:*", false, false),
        ] {
            let hosts = hosts(&[entry]);
            assert_eq!((hosts.allow_self(), hosts.allow_component("api")), (own, component), "{entry}");
        }
    }

    #[test]
    fn entries_that_are_none() {
        for (entry, why) in [
            ("", "it has no scheme, as in `https://`"),
            ("*", "it has no scheme, as in `https://`"),
            ("h:80", "it has no scheme, as in `https://`"),
            ("insecure:allow-all", "only `allowed_http_hosts` knows this word; write `*://*:*`"),
            ("://h", "its scheme is empty"),
            ("ht2p://h", "its scheme is neither `*` nor a word of letters"),
            ("{http,https}://h", "its scheme is neither `*` nor a word of letters"),
            ("http://", "it names no host"),
            ("http://h h", "it names no host"),
            ("http://ä", "it names no host"),
            ("http://[::g]", "it names no host"),
            ("http://{a,b}", "lists in braces are not possible; write an entry for each"),
            ("http://h/path", "it has a path, or its range of addresses is none"),
            ("http://10.0.0.0/64", "it has a path, or its range of addresses is none"),
            ("http://h:80/path", "it has a path"),
            ("http://*.*.com", "its host has more than one wildcard"),
            ("http://a.*.com", "the wildcard is not the whole of the first part of its host"),
            ("http://*a", "the wildcard is not the whole of the first part of its host"),
            ("http://*.", "it names no host"),
            ("http://h:http", "its port is neither `*`, a number nor a range"),
            ("http://h:65536", "its port is neither `*`, a number nor a range"),
            ("http://h:80..x", "its port is neither `*`, a number nor a range"),
            ("http://h:90..90", "its range of ports is empty"),
            ("tcp://h", "it has no port, and its scheme has no usual one"),
            ("*://h", "it has no port, and its scheme has no usual one"),
        ] {
            let error = AllowedHosts::parse(&["http://fine".into(), entry.into()]).unwrap_err();
            assert_eq!((error.entry.as_str(), error.why.as_str()), (entry, why));
        }
    }

    #[test]
    fn the_old_list_in_the_words_of_the_new_one() {
        for (entry, expected) in [
            ("insecure:allow-all", Ok(&["http://*:*", "https://*:*", "http://self"][..])),
            ("self", Ok(&["http://self"])),
            ("h", Ok(&["http://h", "https://h"])),
            ("h:8080", Ok(&["http://h:8080", "https://h:8080"])),
            ("https://h/", Ok(&["http://h/", "https://h/"])),
            ("[::1]:1", Ok(&["http://[::1]:1", "https://[::1]:1"])),
            ("ftp://h", Err("it speaks neither HTTP nor HTTPS")),
            ("h/path", Err("it has a path")),
            ("h:80/path", Err("it has a path")),
            (
                "*.h",
                Err("`allowed_http_hosts` knows neither wildcards nor templates; write it in `allowed_outbound_hosts`"),
            ),
        ] {
            let expected = expected.map(|list| list.iter().map(|entry| entry.to_string()).collect());
            assert_eq!(from_http_host(entry), expected, "{entry}");
        }
    }

    #[test]
    fn both_lists_are_one() {
        let mut component = fixture::component("web", std::path::Path::new("."));
        component.allowed_http_hosts = vec!["h".into()];
        component.allowed_outbound_hosts = Some(vec!["https://{{ host }}".into()]);
        let all: Vec<_> = listed(&component).flat_map(|listed| listed.meaning.unwrap()).collect();
        assert_eq!(all, ["https://{{ host }}", "http://h", "https://h"]);
        assert_eq!(implied(&component, ManifestFormat::V1), [""; 0]);
        component.allowed_outbound_hosts = None;
        assert_eq!(implied(&component, ManifestFormat::V1), ["redis://*:*", "mysql://*:*", "postgres://*:*"]);
        assert_eq!(implied(&component, ManifestFormat::V2), [""; 0]);
    }
}
