//! Outbound hosts: which addresses a component may call, by Spin's rules
//! (`crates/outbound-networking-config/src/allowed_hosts.rs@v4.0.2`).

/// The list of a component, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedHosts {}

/// An entry that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is no host to allow: {why}")]
pub struct HostsError {
    /// As written, templates expanded.
    pub entry: String,
    /// What is wrong with it: a fragment.
    pub why: String,
}

impl AllowedHosts {
    /// Parses the entries of `allowed_outbound_hosts`, templates expanded.
    pub fn parse(_entries: &[String]) -> Result<AllowedHosts, HostsError> {
        todo!()
    }

    /// Whether a connection to that host and port with that scheme (`http`, `https`, `tcp`, …) is allowed. `host` is a
    /// name or an address, an IPv6 one without brackets.
    pub fn allow(&self, _scheme: &str, _host: &str, _port: u16) -> bool {
        todo!()
    }

    /// Whether the component may call its own application's routes (`http://self`).
    pub fn allow_self(&self) -> bool {
        todo!()
    }

    /// Whether the component may call that component of its own application (`http://<id>.spin.internal`).
    pub fn allow_component(&self, _id: &str) -> bool {
        todo!()
    }
}
