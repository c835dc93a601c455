//! When a version was made, as an annotation of its invoice: to the millisecond, where the server's own signature has
//! whole seconds. It says nothing of the content, and two invoices that differ in it alone are the same.
//!
//! Hippo's reader of invoices takes annotations (`docs/decisions/0017-invoices-tell-when-they-were-made.md`).

use std::collections::BTreeMap;

use bindle::Invoice;
use jiff::Timestamp;

/// The annotation's name.
const MADE: &str = "spin-deploy/made";

/// Says when the invoice was made.
pub(super) fn stamp(invoice: &mut Invoice, now: Timestamp) {
    invoice.annotations.get_or_insert_default().insert(MADE.to_owned(), format!("{now:.3}"));
}

/// Takes it back.
pub(super) fn unstamp(invoice: &mut Invoice) {
    let annotations = invoice.annotations.take().unwrap_or_default();
    let others: BTreeMap<String, String> = annotations.into_iter().filter(|(name, _)| name != MADE).collect();
    invoice.annotations = (!others.is_empty()).then_some(others);
}

/// When an invoice with these annotations was made, where they say so.
pub(super) fn read(annotations: &BTreeMap<String, String>) -> Option<Timestamp> {
    annotations.get(MADE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stamped_can_be_read_and_taken_back() {
        let text = "bindleVersion = \"1.0.0\"\n[bindle]\nname = \"shop\"\nversion = \"1.0.0\"\n";
        let bare: Invoice = toml::from_str(text).unwrap();
        let now: Timestamp = "2026-08-01T09:30:00.25Z".parse().unwrap();
        let mut stamped = bare.clone();
        stamp(&mut stamped, now);
        assert_eq!(read(stamped.annotations.as_ref().unwrap()), Some(now));
        unstamp(&mut stamped);
        assert_eq!(format!("{stamped:?}"), format!("{bare:?}"));
    }
}
