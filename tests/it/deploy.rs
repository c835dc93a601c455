//! Deploys of the real program to a whole stack: what runs, what was sent, what is left behind.

mod after;
mod budgets;
mod builds;
mod checks;
mod deaths;
mod deaths_after;
mod faults;
mod github;
mod hippo;
mod inputs;
mod layers;
mod names;
mod plans;

use crate::program::Program;
use crate::support::app::App;
use crate::support::stack::Stack;
use crate::support::traffic::Exchange;

/// The version that an application would be deployed as.
fn version(app: &App) -> String {
    crate::support::package(app).id.version.to_string()
}

/// Deploys and expects success.
async fn deploy(app: &App, stack: &Stack) -> crate::program::Output {
    Program::deploying(app, stack).run().await.expect(0)
}

/// Deploys, expects success, and counts what is sent to Hippo and Bindle.
async fn deploy_within(requests: usize, app: &App, stack: &Stack) -> crate::program::Output {
    stack.sent();
    let output = deploy(app, stack).await;
    let sent = stack.sent();
    assert!(sent.len() <= requests, "{} requests, not {requests} at most: {sent:#?}", sent.len());
    output
}

/// What must hold after every deploy: this very build runs, and there is one of everything.
#[track_caller]
fn assert_live(app: &App, stack: &Stack) {
    let version = version(app);
    assert_eq!(stack.running(app.name()), Some(version.clone()));
    assert_eq!(stack.rows(app.name(), &version), (1, 1, 1), "apps, channels, rows of this revision");
}

/// The bytes of parcels among what was sent.
fn parcels(sent: &[Exchange]) -> Vec<&Exchange> {
    sent.iter().filter(|exchange| exchange.method == "POST" && exchange.path.contains('@')).collect()
}
