//! What the integration tests stand on: no tests here, only the neighbours that the program talks to.
//!
//! Nothing in this module depends on a test harness, so that `examples/` can include it by path.
#![allow(dead_code)]

pub mod app;
pub mod bindle;
pub mod component;
pub mod hippo;
pub mod memory;
pub mod recorder;
pub mod stack;
pub mod traffic;

use spin_deploy::package::{self, Downloads, Format, Options, Package};

/// The bindle that an application becomes.
pub fn package(app: &app::App) -> Package {
    package_as(app, &Format::Bindle)
}

/// What an application becomes in a format.
pub fn package_as(app: &app::App, format: &Format) -> Package {
    let manifest = spin_deploy::app::find_manifest(app.path()).expect("there is a manifest");
    let application = spin_deploy::app::load(&manifest).expect("the application is valid");
    let (options, downloads) = (Options::default(), Downloads::new());
    package::assemble(&application, format, &options, &downloads).expect("it can be packaged")
}
