//! `fermyon:spin/variables` and `wasi:config/store`.

use super::SpinState;
use super::bindings::fermyon::spin::variables::{self, Error};
use super::bindings::wasi::config::store as config;

impl variables::Host for SpinState {
    async fn get(&mut self, name: String) -> Result<String, Error> {
        check_name(&name).map_err(|why| Error::InvalidName(format!("{name:?}: {why}")))?;
        self.variables
            .get(&name)
            .cloned()
            .ok_or_else(|| Error::Undefined(format!("the component has no variable {name:?}")))
    }
}

impl config::Host for SpinState {
    /// A name that no variable can have is only absent here.
    async fn get(&mut self, key: String) -> Result<Option<String>, config::Error> {
        Ok(self.variables.get(&key).cloned())
    }

    async fn get_all(&mut self) -> Result<Vec<(String, String)>, config::Error> {
        Ok(self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

/// What a variable may be called (`Key::validate` in `crates/expressions/src/lib.rs@v4.0.2`); says what is wrong.
fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err("a name begins with a lower-case letter")
    } else if !name.chars().all(allowed) {
        Err("a name has only lower-case letters, digits and underscores")
    } else if name.ends_with('_') || name.contains("__") {
        Err("an underscore stands between two other characters")
    } else {
        Ok(())
    }
}
