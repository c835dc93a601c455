//! Pages, searching and sorting, with the mistakes that Hippo makes.
//!
//! Facts: the transcript `paging`, `deislabs/hippo src/Core/Models/{Filter,Page}.cs@v0.20.2`.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    problem::{Failure, Messages, complain},
    reply::Call,
};

/// What a list is asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    pub search_text: String,
    pub page_index: i32,
    pub page_size: i32,
    pub sort_by: String,
    pub ascending: bool,
}

impl Filter {
    /// Reads the query; what cannot be read falls back to its default and spoils the model state.
    pub fn read(call: &Call, default_size: i32, model_state: &mut Messages) -> Self {
        Self {
            search_text: call.parameter("searchText").unwrap_or_default().to_owned(),
            page_index: number(call, "pageIndex", 0, model_state),
            page_size: number(call, "pageSize", default_size, model_state),
            sort_by: call.parameter("sortBy").filter(|name| !name.is_empty()).unwrap_or("Name").to_owned(),
            ascending: boolean(call, "IsSortedAscending", model_state),
        }
    }

    /// `Skip(offset).Take(pageSize)`: negative numbers skip nothing and take nothing.
    pub fn cut<T>(&self, items: Vec<T>) -> Vec<T> {
        let skip = usize::try_from(self.offset()).unwrap_or(0);
        items.into_iter().skip(skip).take(usize::try_from(self.page_size).unwrap_or(0)).collect()
    }

    /// Where the page begins.
    pub fn offset(&self) -> i32 {
        self.page_index.wrapping_mul(self.page_size)
    }

    /// A page; whether it is the last is computed as Hippo computes it, so pages past the end say no.
    pub fn page(&self, items: Vec<Value>, total: usize) -> Value {
        let reached = i64::from(self.offset()) + i64::try_from(items.len()).unwrap_or(i64::MAX);
        json!({
            "items": items,
            "totalItems": total,
            "pageIndex": self.page_index,
            "pageSize": self.page_size,
            "isLastPage": i64::try_from(total) == Ok(reached),
        })
    }

    /// Sorts by a property of the items, which must be one of `properties`, written exactly so.
    pub fn sort(&self, items: &mut [Value], properties: &[&str]) -> Result<(), Failure> {
        let property = properties.iter().find(|name| **name == self.sort_by).ok_or(Failure::Unhandled)?;
        let key = format!("{}{}", property[..1].to_ascii_lowercase(), &property[1..]);
        if items.iter().any(|item| item[&key].is_array() || item[&key].is_object()) {
            return Err(Failure::Unhandled);
        }
        items.sort_by(|left, right| {
            let order = compare_values(&left[&key], &right[&key]);
            if self.ascending { order } else { order.reverse() }
        });
        Ok(())
    }
}

fn number(call: &Call, name: &str, default: i32, model_state: &mut Messages) -> i32 {
    match call.parameter(name) {
        None | Some("") => default,
        Some(text) => text.trim().parse().unwrap_or_else(|_| {
            complain(model_state, name, format!("The value '{text}' is not valid."));
            default
        }),
    }
}

fn boolean(call: &Call, name: &str, model_state: &mut Messages) -> bool {
    match call.parameter(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "true") => true,
        Some("false") => false,
        Some(text) => {
            complain(model_state, name, format!("The value '{text}' is not valid."));
            true
        }
    }
}

fn compare_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::String(left), Value::String(right)) => compare_texts(left, right),
        _ => left.as_i64().cmp(&right.as_i64()),
    }
}

/// The invariant culture's order, as far as names need it: `_ - . /`, digits, letters; case counts last, small first.
pub fn compare_texts(left: &str, right: &str) -> Ordering {
    let weights = |text: &str| text.chars().map(weight).collect::<Vec<_>>();
    let cases = |text: &str| text.chars().map(|char| char.is_uppercase()).collect::<Vec<_>>();
    weights(left).cmp(&weights(right)).then_with(|| cases(left).cmp(&cases(right)))
}

fn weight(char: char) -> (u8, char) {
    match "_-,;:!?./".find(char) {
        Some(place) => (u8::try_from(place).unwrap_or(u8::MAX), char),
        None if char.is_ascii_digit() => (100, char),
        None => (101, char.to_lowercase().next().unwrap_or(char)),
    }
}
