//! Application variables, which look alike in both formats.

use std::collections::BTreeMap;

use super::check_variable_name;
use super::reader::Item;
use crate::app::{ManifestFormat, Variable};

/// `[variables]`.
pub(super) fn read(item: &Item, format: ManifestFormat) -> Option<BTreeMap<String, Variable>> {
    item.map(|name, item| {
        check_variable_name(name, item, format);
        variable(item)
    })
}

fn variable(item: &Item) -> Option<Variable> {
    let mut table = item.table()?;
    let required = table.take("required");
    let default = table.take("default");
    let variable = Variable {
        required: required.as_ref().and_then(Item::boolean).unwrap_or_default(),
        default: default.as_ref().and_then(Item::string),
        secret: table.optional("secret", Item::boolean).unwrap_or_default(),
        description: table.text("description"),
        at: item.place(),
    };
    match (variable.required, &default) {
        (true, Some(default)) => default.problem("a variable that is `required` has no `default`"),
        (false, None) if required.as_ref().is_none_or(|item| item.value().is_bool()) => item.problem_with_hint(
            "a variable is either `required` or has a `default`; this one has neither",
            "add `required = true`, or a `default`",
        ),
        _ => {}
    }
    table.finish();
    Some(variable)
}
