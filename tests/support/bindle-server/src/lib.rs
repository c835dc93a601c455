//! What the servers of both generations share: the command line and the password file.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use bcrypt::Version;

/// The cheapest bcrypt cost: these are test passwords, and every authenticated request verifies one.
const BCRYPT_COST: u32 = 4;

/// What a server is told on its command line.
#[derive(Debug, Default)]
pub struct Options {
    /// Where to listen (`--address`).
    pub address: Option<SocketAddr>,
    /// The folder of the file store (`--directory`).
    pub directory: PathBuf,
    /// Pairs of name and password (`--user NAME:PASSWORD`); none means that no authentication is needed.
    pub users: Vec<(String, String)>,
    /// A keyring file with the keys to trust (`--keyring`).
    pub keyring: Option<PathBuf>,
    /// The name of a verification strategy (`--strategy`).
    pub strategy: Option<String>,
}

impl Options {
    /// Reads the options of this process.
    pub fn from_env() -> Result<Self> {
        Self::parse(std::env::args().skip(1))
    }

    /// Reads options in the form `--name value`.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            options.set(&name, value)?;
        }
        ensure!(!options.directory.as_os_str().is_empty(), "--directory is required");
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "--address" => self.address = Some(value.parse().context("--address")?),
            "--directory" => self.directory = value.into(),
            "--user" => self.users.push(name_and_password(&value)?),
            "--keyring" => self.keyring = Some(value.into()),
            "--strategy" => self.strategy = Some(value),
            _ => bail!("unknown option {name}"),
        }
        Ok(())
    }

    /// Where to listen.
    pub fn address(&self) -> Result<SocketAddr> {
        self.address.context("--address is required")
    }

    /// The users in the form of an htpasswd file, or nothing if there are none.
    ///
    /// The crate `bindle` reads users from a file only, once, at the start; so a temporary file is enough. Hashing here
    /// saves the tests a bcrypt of their own.
    pub fn htpasswd(&self) -> Result<Option<tempfile::NamedTempFile>> {
        if self.users.is_empty() {
            return Ok(None);
        }
        let file = tempfile::NamedTempFile::new().context("a temporary htpasswd file")?;
        let lines =
            self.users.iter().map(|(name, password)| htpasswd_line(name, password)).collect::<Result<String>>()?;
        std::fs::write(file.path(), lines).context("writing the htpasswd file")?;
        Ok(Some(file))
    }
}

fn name_and_password(text: &str) -> Result<(String, String)> {
    let (name, password) = text.split_once(':').context("--user has the form NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}

/// One line of an htpasswd file; Bindle knows only the `$2y$` flavour of bcrypt.
fn htpasswd_line(name: &str, password: &str) -> Result<String> {
    let hash = bcrypt::hash_with_result(password, BCRYPT_COST).context("hashing a password")?;
    Ok(format!("{name}:{}\n", hash.format_for_version(Version::TwoY)))
}
