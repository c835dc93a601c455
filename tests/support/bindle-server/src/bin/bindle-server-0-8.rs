//! A real Bindle server, version 0.8.2: it accepts unsigned invoices, and is the generation Hippo was shipped with.

use anyhow::{Context, Result, ensure};
use bindle_0_8::SignatureRole;
use bindle_0_8::VerificationStrategy;
use bindle_0_8::authn::{Authenticator, always::AlwaysAuthenticate, http_basic::HttpBasic};
use bindle_0_8::authz::{Authorizer, always::AlwaysAuthorize, anonymous_get::AnonymousGet};
use bindle_0_8::provider::file::FileProvider;
use bindle_0_8::search::StrictEngine;
use bindle_0_8::server::server;
use bindle_0_8::signature::{KeyEntry, KeyRing, SecretKeyEntry, SecretKeyFile};
use bindle_test_servers::Options;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::from_env()?;
    ensure!(options.strategy.is_none(), "--strategy is for generation 0.9 only");
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
    let host_key = SecretKeyEntry::new("Host <host@example.com>".to_owned(), vec![SignatureRole::Host]);
    let mut keyring = trusted_keys(options)?;
    keyring.key.push(KeyEntry::try_from(&host_key)?);
    let mut secret_keys = SecretKeyFile::default();
    secret_keys.key.push(host_key);
    let index = StrictEngine::default();
    let store = FileProvider::new(&options.directory, index.clone()).await;
    server(store, index, authn, authz, options.address()?, None, secret_keys, VerificationStrategy::default(), keyring)
        .await
}

/// Reads the keyring with the crate's own types; this generation has no loader for it.
fn trusted_keys(options: &Options) -> Result<KeyRing> {
    let Some(path) = &options.keyring else {
        return Ok(KeyRing::default());
    };
    let text = std::fs::read_to_string(path).context("--keyring")?;
    toml::from_str(&text).context("--keyring")
}
