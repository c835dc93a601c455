//! The [`Application`]: what `spin.toml` describes.
//!
//! [`find_manifest`] finds the manifest, [`load`] reads it: `manifest/` turns both manifest formats into the model,
//! `files.rs` finds what a component's `files` select, `validate.rs` holds the rules for names and templates.
//! Everything here is offline but for [`Fetch`], through which sources given by URL are brought in.
//!
//! # Where we differ from Spin
//!
//! Format 1 is read with the leniency of its era (Spin 0.1 to 1.5): any text is a component id, `namespace` means
//! nothing, `[config]` is an older spelling of `[variables]`, the http trigger's `base` may be missing, and
//! `exclude_files` also holds for files that are listed one by one. Format 2 is read as Spin 4.0 reads it. What is
//! meant to be stricter, in both formats:
//!
//! * **No escape.** Files lie inside the manifest's directory: `..`, absolute paths, and symlinks whose target is
//!   elsewhere are refused. Spin packages them. A component's `source` may lie anywhere.
//! * **A bare directory in `files` is refused.** Spin mounts `"dir"` as `/dir/dir/…`.
//! * **A pattern that matches no file is refused.** Spin goes on without.
//! * **Two contents for one guest path are refused.** In Spin the later copy wins. Two files alike are fine.
//! * **The selection is sorted**, where Spin promises no order.
//! * Broken symlinks, symlink loops, sockets, pipes, devices and names that are not UTF-8 are refused when selected.
//! * What Spin notices only later is noticed at once: undefined components, a variable that is neither required nor
//!   has a default, templates with unknown variables, what an http trigger cannot take, a missing Wasm file, component
//!   ids used twice in format 1, and an application in which nothing can run.

mod fetch;
mod files;
mod load;
mod manifest;
mod model;
mod problem;
mod stale;
mod unwanted;
mod validate;

#[cfg(test)]
mod tests;

pub use fetch::{Fetch, FetchError, FetchErrorKind};
pub use load::{find_manifest, load, name};
pub use model::{
    Application, Build, Component, Executor, HttpRoute, HttpTrigger, ManifestFormat, MountedFile, Source,
    StaticResponse, Trigger, Variable,
};
pub use problem::{LoadError, Place, Problem};
pub use stale::stale;
pub use validate::expand_template;
