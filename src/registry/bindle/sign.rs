//! The optional signature of an invoice.
//!
//! Servers of 0.8 take unsigned invoices and refuse those signed by a stranger; servers of 0.9 refuse unsigned ones. So
//! a key is used only where one is given.

use std::path::Path;

use anyhow::Context;
use bindle::invoice::Invoice;
use bindle::signature::{SecretKeyEntry, SecretKeyFile, SecretKeyStorage, SignatureRole};

use super::RegistryError;

/// Reads the first key with the role of a creator.
pub(super) async fn load(file: &Path) -> Result<SecretKeyEntry, RegistryError> {
    // The crate's own errors quote the file, which is secret.
    let keys = SecretKeyFile::load_file(file)
        .await
        .map_err(|_| anyhow::anyhow!("{} is no file of Bindle secret keys that can be read", file.display()));
    let key = keys.and_then(|keys| {
        let creator = keys.get_first_matching(&SignatureRole::Creator, None).cloned();
        creator.with_context(|| format!("{} holds no key with the role `creator`", file.display()))
    });
    key.map_err(|source| RegistryError::SigningKey { source })
}

/// The invoice with a signature of its creator. The list of parcels must be final: it is part of what is signed.
pub(super) fn signed(invoice: &Invoice, key: &SecretKeyEntry) -> Result<Invoice, RegistryError> {
    let mut signed = invoice.clone();
    signed
        .sign(SignatureRole::Creator, key)
        .map_err(|error| RegistryError::SigningKey { source: anyhow::anyhow!("the key cannot sign: {error}") })?;
    Ok(signed)
}
