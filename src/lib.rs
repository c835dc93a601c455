//! The house of `spin-deploy`. ARCHITECTURE.md has the drawing.

pub mod app;
pub mod auth;
pub mod cli;
pub mod deploy;
pub mod event;
pub mod fetch;
pub mod http;
pub mod package;
pub mod registry;
pub mod settings;
pub mod target;
pub mod targets;
pub mod ui;
