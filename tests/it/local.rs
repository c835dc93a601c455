//! Deploys of the real program to this machine, and what the real server answers.

mod deaths;
mod deaths_after;
mod deploy;
mod github;
pub mod last_events;
mod limits;
pub mod machine;
mod plans;
mod refusals;
mod serve;
mod soak;
mod spin;
