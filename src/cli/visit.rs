//! Looks at the application as everybody does: over HTTP, without a credential.

use url::Url;

use crate::deploy::Visit;
use crate::http::{Client, HttpError, Repeat, Request};

/// Looks with this client.
pub struct Visitor(pub Client);

#[async_trait::async_trait]
impl Visit for Visitor {
    async fn visit(&self, url: &str) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
        // Whoever waits looks again anyway.
        let request = Request { accept: "*/*", repeat: Repeat::Never, ..Request::new(reqwest::Method::GET, url) };
        let status = self.0.status(request).await;
        status.map(|status| status.as_u16()).map_err(|HttpError { message, source, .. }| match source {
            Some(cause) => format!("{message}: {cause}"),
            None => message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::{Act, Server, answer, client};

    #[tokio::test(start_paused = true)]
    async fn statuses_are_told_as_they_are_and_silence_with_its_reason() {
        let redirect = answer("302 Found", &[("Location", "https://example.com/")], "");
        let server =
            Server::new([answer("200 OK", &[], "fine"), answer("503 Service Unavailable", &[], ""), redirect]).await;
        let (visitor, url) = (Visitor(client()), server.url.join("health").unwrap());
        for status in [200, 503, 302] {
            assert_eq!(visitor.visit(url.as_str()).await, Ok(status));
        }
        assert_eq!(server.count(), 3);

        let server = Server::new([Act::Reset(Vec::new())]).await;
        assert!(visitor.visit(server.url.as_str()).await.is_err());
        assert_eq!(server.count(), 1, "whoever waits looks again");
    }
}
