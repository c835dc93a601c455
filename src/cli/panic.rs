//! Panics become failures like others: one message, exit code 1.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use super::{ExitCode, Failure};

/// Where the first panic happened, and what it said. The hook has no other way to hand it on.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics from printing; [`catch`] reports them.
pub fn remember() {
    set_hook(Box::new(|info| {
        FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| info.to_string());
    }));
}

/// Runs something; a panic is a failure that calls itself a bug.
pub fn catch<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let mut failure = Failure::new(ExitCode::Unexpected, "internal error");
        failure.causes.extend(FIRST.lock().unwrap_or_else(PoisonError::into_inner).take());
        Err(failure)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_code_1() {
        let failure = catch::<()>(|| panic!("on purpose")).unwrap_err();
        assert_eq!(failure.code, ExitCode::Unexpected);
        assert_eq!(failure.message, "internal error");
    }
}
