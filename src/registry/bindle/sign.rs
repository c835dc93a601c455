//! Signing: who made this bindle. Servers of 0.9 want it, those of 0.8 refuse signatures of strangers.

use std::fmt;
use std::path::Path;

use anyhow::{Context, bail};
use bindle::signature::{KEY_RING_VERSION, KeyEntry, SecretKeyEntry, SecretKeyFile};
use bindle::{Invoice, SignatureRole};
use tokio::io::AsyncReadExt;

use super::RegistryError;

/// The most that is read of a key file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A key that signs as the creator.
pub(super) struct SigningKey(SecretKeyEntry);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.0.label)
    }
}

impl SigningKey {
    /// The first creator key of a secret key file as the `bindle` command line writes it.
    ///
    /// A file that others can read is refused: whoever has the key signs in its owner's name.
    pub async fn read(path: &Path) -> Result<SigningKey, RegistryError> {
        let unusable = |source| RegistryError::SigningKey { source };
        let unreadable =
            |error| unusable(anyhow::Error::new(error).context(format!("could not read {}", path.display())));
        // Looked at before it is opened: a pipe would wait for a writer.
        let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unusable(anyhow::anyhow!("{} is no regular file", path.display())));
        }
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mode = permissions(&file.metadata().await.map_err(unreadable)?);
        if let Some(mode) = mode.filter(|mode| mode & 0o077 != 0) {
            return Err(RegistryError::SigningKeyExposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).await.map_err(unreadable)?;
        let key = SigningKey::parse(&text).with_context(|| format!("{} is not a usable key file", path.display()));
        key.map_err(unusable)
    }

    /// Whose it is: a name and a mail address, as a rule.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    fn parse(text: &str) -> anyhow::Result<SigningKey> {
        // Of the parser's error only the message: the rest quotes the file, which is secret.
        let file: SecretKeyFile = toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.message()))?;
        if file.version != KEY_RING_VERSION {
            bail!("its version is {:?}, not {KEY_RING_VERSION:?}", file.version);
        }
        let Some(key) = file.key.into_iter().find(|key| key.roles.contains(&SignatureRole::Creator)) else {
            bail!("it holds no key with the role \"creator\"");
        };
        // The only public way to look whether the key pair itself is sound.
        KeyEntry::try_from(&key)?;
        Ok(SigningKey(key))
    }

    /// Adds the creator's signature. It covers the name, the version and the parcels' digests in their order, so it
    /// comes last.
    pub fn sign(&self, invoice: &mut Invoice) -> anyhow::Result<()> {
        Ok(invoice.sign(SignatureRole::Creator, &self.0)?)
    }
}

/// A file's permissions, where the system has such.
#[cfg(unix)]
fn permissions(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn permissions(_metadata: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(roles: &[SignatureRole]) -> String {
        let mut file = SecretKeyFile::default();
        for role in roles {
            file.key.push(SecretKeyEntry::new(&role.to_string(), vec![role.clone()]));
        }
        toml::to_string(&file).unwrap()
    }

    #[test]
    fn the_creators_key_is_taken() {
        let key = SigningKey::parse(&file(&[SignatureRole::Host, SignatureRole::Creator])).unwrap();
        assert_eq!(key.0.label, "creator");
        assert_eq!(format!("{key:?}"), "SigningKey(\"creator\")");
    }

    #[test]
    fn files_that_will_not_do() {
        let good = file(&[SignatureRole::Creator]);
        let keypair = good.lines().find(|line| line.starts_with("keypair")).unwrap();
        for (text, words) in [
            (String::new(), "missing field"),
            (good.replace("1.0", "2.0"), "its version is \"2.0\", not \"1.0\""),
            (file(&[SignatureRole::Host]), "it holds no key with the role \"creator\""),
            (good.replace(keypair, "keypair = \"canary\""), "key is corrupt"),
            (good.replace(keypair, "keypair = canary"), ""),
            (good.replace(keypair, "keypair = [\"canary\"]"), ""),
        ] {
            let error = format!("{:#}", SigningKey::parse(&text).unwrap_err());
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_is_not_even_opened() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("key.toml");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero"), directory.path()] {
            let error = SigningKey::read(path).await.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(source, format!("{} is no regular file", path.display()));
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = SigningKey::read(Path::new("/nowhere/key.toml")).await.unwrap_err();
        let RegistryError::SigningKey { source } = error else { panic!("{error:?}") };
        assert_eq!(source.to_string(), "could not read /nowhere/key.toml");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, file(&[SignatureRole::Creator])).unwrap();
        for (mode, is_good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o610, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match SigningKey::read(&path).await {
                Ok(_) => assert!(is_good, "{mode:o}"),
                Err(error) => {
                    let words = format!("others can read the signing key {} (mode {mode:o})", path.display());
                    assert!(!is_good && error.to_string() == words, "{error}");
                }
            }
        }
    }
}
