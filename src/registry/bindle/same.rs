//! Is the bindle that the server has the one that we would create?

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use bindle::{Condition, Group, Invoice, Parcel};

use super::stamp::unstamp;

/// Whether two invoices describe the same content: name, version, description, authors, groups and parcels, in any
/// order. Signatures do not count: the server adds its own, and ours carry the time.
pub(super) fn same_content(one: &Invoice, other: &Invoice) -> bool {
    one.bindle.id == other.bindle.id
        && one.bindle.description == other.bindle.description
        && list(&one.bindle.authors) == list(&other.bindle.authors)
        && annotations(one) == annotations(other)
        && counted(list(&one.group).iter().map(group)) == counted(list(&other.group).iter().map(group))
        && counted(list(&one.parcel).iter().map(parcel)) == counted(list(&other.parcel).iter().map(parcel))
}

/// All but the one that says when it was made.
fn annotations(invoice: &Invoice) -> Option<BTreeMap<String, String>> {
    let mut invoice = Invoice { parcel: None, group: None, ..invoice.clone() };
    unstamp(&mut invoice);
    invoice.annotations
}

/// An absent list is an empty one.
fn list<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

/// A multiset.
fn counted<T: Eq + Hash>(items: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

fn group(group: &Group) -> (&str, bool, Option<&str>) {
    (&group.name, group.required.unwrap_or_default(), group.satisfied_by.as_deref())
}

/// A parcel in the one form of all that mean the same.
fn parcel(parcel: &Parcel) -> Parcel {
    let sorted = |names: &Option<Vec<String>>| {
        let mut names = names.clone().unwrap_or_default();
        names.sort();
        Some(names)
    };
    let none = Condition { member_of: None, requires: None };
    let conditions = parcel.conditions.as_ref().unwrap_or(&none);
    let conditions = Condition { member_of: sorted(&conditions.member_of), requires: sorted(&conditions.requires) };
    Parcel { label: parcel.label.clone(), conditions: Some(conditions) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
        bindleVersion = "1.0.0"
        [bindle]
        name = "shop"
        version = "1.4.0+s3f9a"
        description = "A shop"
        authors = ["Dana"]
        [[group]]
        name = "files-api"
        [[group]]
        name = "files-web"
        [[parcel]]
        [parcel.label]
        sha256 = "aa"
        mediaType = "application/wasm"
        name = "api.wasm"
        size = 8
        [[parcel]]
        [parcel.label]
        sha256 = "bb"
        mediaType = "text/css"
        name = "site.css"
        size = 7
        [parcel.conditions]
        memberOf = ["files-api", "files-web"]
    "#;

    fn invoice(text: &str) -> Invoice {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_does_not_count() {
        let shop = invoice(SHOP);
        let signed =
            format!("{SHOP}\n[[signature]]\nby = \"x\"\nsignature = \"s\"\nkey = \"k\"\nrole = \"host\"\nat = 1\n");
        let mut turned = shop.clone();
        turned.parcel.as_mut().unwrap().reverse();
        turned.group.as_mut().unwrap().reverse();
        for other in [
            invoice(&signed),
            turned,
            invoice(&SHOP.replace("size = 8", "size = 8\n[parcel.conditions]")),
            invoice(
                &SHOP.replace("[bindle]", "[annotations]\n\"spin-deploy/made\" = \"2026-08-01T09:30:00Z\"\n[bindle]"),
            ),
            invoice(&SHOP.replace(r#"["files-api", "files-web"]"#, r#"["files-web", "files-api"]"#)),
            invoice(&SHOP.replace("name = \"files-api\"", "name = \"files-api\"\nrequired = false")),
        ] {
            assert!(same_content(&shop, &other), "{other:?}");
            assert!(same_content(&other, &shop), "{other:?}");
        }
    }

    #[test]
    fn what_counts() {
        let shop = invoice(SHOP);
        for (from, to) in [
            ("[bindle]", "[annotations]\na = \"b\"\n[bindle]"),
            ("name = \"shop\"", "name = \"shop2\""),
            ("s3f9a", "s3f9b"),
            ("A shop", "Another shop"),
            ("description = \"A shop\"", ""),
            ("Dana", "Dan"),
            ("name = \"files-web\"", "name = \"files-www\""),
            ("name = \"files-web\"", "name = \"files-web\"\nrequired = true"),
            ("sha256 = \"aa\"", "sha256 = \"ab\""),
            ("application/wasm", "application/octet-stream"),
            ("api.wasm", "lib.wasm"),
            ("size = 8", "size = 9"),
            ("size = 8", "size = 8\n[parcel.label.annotations]\na = \"b\""),
            (r#"["files-api", "files-web"]"#, r#"["files-api"]"#),
        ] {
            let other = SHOP.replace(from, to);
            assert_ne!(other, SHOP, "{from}");
            assert!(!same_content(&shop, &invoice(&other)), "{from} -> {to}");
        }
        let mut twice = shop.clone();
        let parcels = twice.parcel.as_mut().unwrap();
        parcels.push(parcels[0].clone());
        assert!(!same_content(&shop, &twice), "a parcel more");
    }
}
