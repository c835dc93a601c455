//! A real Bindle server, version 0.9.1: it refuses unsigned invoices.

use anyhow::{Context, Result};
use bindle_0_9::authn::{Authenticator, always::AlwaysAuthenticate, http_basic::HttpBasic};
use bindle_0_9::authz::{Authorizer, always::AlwaysAuthorize, anonymous_get::AnonymousGet};
use bindle_0_9::provider::file::FileProvider;
use bindle_0_9::search::StrictEngine;
use bindle_0_9::server::server;
use bindle_0_9::signature::{KeyEntry, KeyRing, KeyRingLoader, SecretKeyEntry, SecretKeyFile};
use bindle_0_9::{SignatureRole, VerificationStrategy};
use bindle_test_servers::Options;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_env()?;
    match options.htpasswd()? {
        Some(file) => {
            let users = HttpBasic::from_file(file.path()).await?;
            serve(&options, users, AnonymousGet).await
        }
        None => serve(&options, AlwaysAuthenticate, AlwaysAuthorize).await,
    }
}

/// Serves until SIGINT. The key the host signs with is made anew at each start, so nothing is written to a home folder.
async fn serve<N, Z>(options: &Options, authn: N, authz: Z) -> Result<()>
where
    N: Authenticator + Clone + Send + Sync + 'static,
    Z: Authorizer + Clone + Send + Sync + 'static,
{
    let host_key = SecretKeyEntry::new("Host <host@example.com>", vec![SignatureRole::Host]);
    let mut keyring = trusted_keys(options).await?;
    keyring.add_entry(KeyEntry::try_from(&host_key)?);
    let mut secret_keys = SecretKeyFile::default();
    secret_keys.key.push(host_key);
    let index = StrictEngine::default();
    let store = FileProvider::new(&options.directory, index.clone()).await;
    server(store, index, authn, authz, options.address()?, None, secret_keys, strategy(options)?, keyring).await
}

async fn trusted_keys(options: &Options) -> Result<KeyRing> {
    match &options.keyring {
        Some(path) => path.load().await,
        None => Ok(KeyRing::default()),
    }
}

fn strategy(options: &Options) -> Result<VerificationStrategy> {
    match &options.strategy {
        Some(text) => text.parse().map_err(anyhow::Error::msg).context("--strategy"),
        None => Ok(VerificationStrategy::default()),
    }
}
