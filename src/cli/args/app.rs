//! The commands about an application that is at a target already.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::{
    ConnectionArgs, HippoArgs, HippoChannelArgs, LocalArgs, LoginStoreArgs, OutputArgs, PatienceArgs, TargetArgs,
    WaitingArgs, set,
};
use crate::settings::{Key, Layer};

/// Which application, and where: what all of them take.
#[derive(Args)]
pub struct AppArgs {
    /// The manifest, or a directory that holds spin.toml: it names the app [default: .]
    #[arg(short, long, value_name = "PATH", aliases = ["file", "from-file"], help_heading = "Application")]
    pub from: Option<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Where an application is, and what it is called there.
#[derive(Args)]
#[command(next_help_heading = "Application")]
pub struct PlaceArgs {
    /// The app's name at the target [default: the manifest's] [env: SPIN_DEPLOY_APP]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub name: Option<String>,

    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub hippo: HippoArgs,
    #[command(flatten)]
    pub channel: HippoChannelArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `status`.
#[derive(Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub app: AppArgs,
}

/// The options of `wait`.
#[derive(Args)]
pub struct WaitArgs {
    /// The release to wait for [default: the one that is, or should be, live]
    #[arg(value_name = "RELEASE", value_parser = NonEmptyStringValueParser::new())]
    pub release: Option<String>,

    #[command(flatten)]
    pub patience: PatienceArgs,
    #[command(flatten)]
    pub app: AppArgs,
}

/// The options of `logs`.
#[derive(Args)]
pub struct LogsArgs {
    /// Go on with the lines to come, until Ctrl-C
    #[arg(short = 'f', long)]
    pub follow: bool,

    /// The last lines only
    #[arg(short = 'n', long = "lines", value_name = "NUMBER", visible_alias = "tail")]
    pub lines: Option<usize>,

    /// The lines since then only: 10m ago, or a time as 2026-08-01T09:30:00Z
    #[arg(long, value_name = "DURATION|TIME", value_parser = NonEmptyStringValueParser::new())]
    pub since: Option<String>,

    /// The lines of this component only
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub component: Option<String>,

    #[command(flatten)]
    pub app: AppArgs,
}

/// The options of `releases`.
#[derive(Args)]
pub struct ReleasesArgs {
    #[command(flatten)]
    pub app: AppArgs,
}

/// The options of `rollback`.
#[derive(Args)]
pub struct RollbackArgs {
    /// The release to go back to [default: the one before the active one]
    #[arg(value_name = "RELEASE", value_parser = NonEmptyStringValueParser::new())]
    pub release: Option<String>,

    /// Refuse when another release than this is live: makes it safe to run twice without naming a RELEASE
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub expect_release: Option<String>,

    #[command(flatten)]
    pub waiting: WaitingArgs,
    #[command(flatten)]
    pub app: AppArgs,
}

/// The options of `destroy`.
#[derive(Args)]
pub struct DestroyArgs {
    /// Do not ask first
    #[arg(short, long)]
    pub yes: bool,

    /// Remove the channel only; the app stays
    #[arg(long)]
    pub channel_only: bool,

    #[command(flatten)]
    pub app: AppArgs,
}

impl AppArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let PlaceArgs { name, target, connection, local, hippo, channel, login, output: _ } = &self.place;
        let mut layer = Layer::default();
        set(&mut layer, [(Key::App, name)]);
        target.add_to(&mut layer);
        connection.add_to(&mut layer);
        local.add_to(&mut layer);
        hippo.add_to(&mut layer);
        channel.add_to(&mut layer);
        login.add_to(&mut layer);
        layer
    }
}

impl WaitArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = self.app.layer();
        self.patience.add_to(&mut layer);
        layer
    }
}

impl RollbackArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = self.app.layer();
        self.waiting.patience.add_to(&mut layer);
        layer
    }
}
