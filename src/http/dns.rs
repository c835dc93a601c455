//! Names to addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// No address was found for the name.
#[derive(Debug, thiserror::Error)]
#[error("no address was found for the name")]
pub(super) struct NoAddress(#[source] std::io::Error);

/// The addresses of a name. Asks the system, but for `localhost` and `*.localhost`, which are loopback wherever the system
/// stands on that, and for `*.invalid`, which no system should ask anybody about.
pub(super) async fn addresses(name: &str) -> std::io::Result<Vec<IpAddr>> {
    if super::url::is_localhost(name) {
        return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    if super::url::is_invalid(name) {
        return Err(std::io::Error::other("names that end in .invalid have no address"));
    }
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// The same for the HTTP client.
#[derive(Debug)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = addresses(name.as_str()).await.map_err(NoAddress)?;
            // The port is filled in by the caller.
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_names_are_loopback() {
        for name in ["localhost", "shop.localhost", "a.b.localhost"] {
            let found: Vec<_> = Resolver.resolve(name.parse().unwrap()).await.unwrap().collect();
            assert_eq!(found, ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse::<SocketAddr>().unwrap()], "{name}");
        }
    }

    #[tokio::test]
    async fn names_that_are_kept_for_having_no_address_have_none() {
        for name in ["invalid", "shop.invalid", "a.b.INVALID."] {
            assert!(addresses(name).await.is_err(), "{name}");
        }
    }
}
