//! A Hippo installation to try `spin-deploy` on, all on loopback.
//!
//! ```text
//! cargo run --example hippo-stack                     # prints its addresses, runs until Ctrl-C
//! cargo run --example hippo-stack -- COMMAND ARG…     # runs COMMAND with its addresses in the environment
//! ```
//!
//! It is a stand-in: the Bindle server is the real one (0.8.2), Hippo and its scheduler are the ones that the tests
//! use. They answer as Hippo v0.20.2 was seen to, and every application really is read back from the Bindle server
//! and gets its routes, but no Wasm is executed: a page says which component of which build would have answered.

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::process::ExitCode;

use anyhow::Context;
use support::stack::{PASSWORD, Stack, USER};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let stack = Stack::start().await;
    let variables = variables(&stack);
    say("This is a stand-in for a Hippo installation: it keeps everything in memory and executes no Wasm.");

    let command: Vec<_> = std::env::args_os().skip(1).collect();
    let Some((program, args)) = command.split_first() else {
        for (name, value) in &variables {
            print(&format!("{name}='{value}'"));
        }
        print("ready");
        stopped().await?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .envs(variables)
        .spawn()
        .with_context(|| format!("could not run {}", program.display()))?;
    // Ctrl-C reaches the command as well; its exit code is the answer.
    let status = tokio::select! {
        status = child.wait() => status?,
        stop = stopped() => { stop?; child.wait().await? }
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// What a shell needs to deploy here.
fn variables(stack: &Stack) -> Vec<(&'static str, String)> {
    vec![
        ("HIPPO_URL", stack.hippo_url()),
        ("BINDLE_SERVER_URL", stack.bindle_url()),
        ("HIPPO_USERNAME", USER.to_owned()),
        ("HIPPO_PASSWORD", PASSWORD.to_owned()),
        ("SPIN_DEPLOY_APP_URL", stack.app_url_template()),
    ]
}

/// Waits for SIGINT or SIGTERM.
async fn stopped() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the addresses are this program's result")]
fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "people read it")]
fn say(line: &str) {
    eprintln!("{line}");
}
