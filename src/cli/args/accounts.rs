//! `login`, `logout`, `whoami`.

use clap::Args;

use super::AskingArgs;

/// The options of `login`.
#[derive(Args)]
pub struct LoginArgs {
    /// Make the account first
    #[arg(long)]
    pub register: bool,

    /// The same as `whoami`, as Spin 0.6 to 1.2 call it
    #[arg(long, hide = true, conflicts_with_all = ["register", "list"])]
    pub status: bool,

    /// The same as `whoami --all`, as Spin 0.6 to 1.2 call it
    #[arg(long, hide = true, conflicts_with = "register")]
    pub list: bool,

    /// How to log in, as Spin 0.6 to 1.2 had it: only `username` is left
    #[arg(long, hide = true, value_name = "METHOD")]
    pub auth_method: Option<String>,

    #[command(flatten)]
    pub asking: AskingArgs,
}

/// The options of `logout`.
#[derive(Args)]
pub struct LogoutArgs {
    /// Forget every login
    #[arg(long, conflicts_with_all = ["hippo_url", "bindle_server", "target", "from"])]
    pub all: bool,

    #[command(flatten)]
    pub asking: AskingArgs,
}

/// The options of `whoami`.
#[derive(Args)]
pub struct WhoamiArgs {
    /// List every login that is kept; no server is asked
    #[arg(long, conflicts_with_all = ["hippo_url", "bindle_server", "target", "from"])]
    pub all: bool,

    #[command(flatten)]
    pub asking: AskingArgs,
}
