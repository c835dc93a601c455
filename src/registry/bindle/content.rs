//! Whether two invoices mean the same bindle.

use bindle::invoice::{Invoice, Parcel};

/// Whether the invoices agree in everything but signatures and order.
pub(super) fn same(one: &Invoice, other: &Invoice) -> bool {
    let about = |invoice: &Invoice| {
        let spec = &invoice.bindle;
        (spec.id.clone(), spec.description.clone(), spec.authors.clone().unwrap_or_default())
    };
    about(one) == about(other) && groups(one) == groups(other) && parcels(one) == parcels(other)
}

/// Name, `required` and `satisfiedBy` of each group, sorted.
fn groups(invoice: &Invoice) -> Vec<(String, bool, Option<String>)> {
    let groups = invoice.group.iter().flatten();
    let mut groups: Vec<_> = groups
        .map(|group| (group.name.clone(), group.required.unwrap_or_default(), group.satisfied_by.clone()))
        .collect();
    groups.sort();
    groups
}

/// Each parcel in a form in which equal ones are equal texts, sorted. An empty table of conditions is none.
fn parcels(invoice: &Invoice) -> Vec<String> {
    let sorted = |list: Option<&Vec<String>>| {
        let mut list = list.cloned().unwrap_or_default();
        list.sort();
        list
    };
    let text = |parcel: &Parcel| {
        let conditions = parcel.conditions.as_ref();
        let groups = sorted(conditions.and_then(|conditions| conditions.member_of.as_ref()));
        let requires = sorted(conditions.and_then(|conditions| conditions.requires.as_ref()));
        format!("{:?} {groups:?} {requires:?}", parcel.label)
    };
    let mut parcels: Vec<_> = invoice.parcel.iter().flatten().map(text).collect();
    parcels.sort();
    parcels
}
