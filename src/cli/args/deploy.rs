//! `deploy` and `plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use semver::BuildMetadata;

use super::{
    ConnectionArgs, HippoArgs, HippoDeployArgs, LocalArgs, LoginStoreArgs, OutputArgs, TargetArgs, set, switch,
};
use crate::settings::{Key, Layer};

/// The options of `deploy`.
#[derive(Args)]
pub struct DeployArgs {
    #[command(flatten)]
    pub application: ApplicationArgs,
    #[command(flatten)]
    pub destination: DestinationArgs,
    #[command(flatten)]
    pub packaging: PackagingArgs,
    #[command(flatten)]
    pub waiting: WaitingArgs,
    #[command(flatten)]
    pub releasing: ReleasingArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub former: FormerArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `plan`.
#[derive(Args)]
pub struct PlanArgs {
    /// Exit with 20 where there is something to do
    #[arg(long)]
    pub exit_code: bool,

    #[command(flatten)]
    pub application: ApplicationArgs,
    #[command(flatten)]
    pub destination: DestinationArgs,
    #[command(flatten)]
    pub packaging: PackagingArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where to deploy to.
#[derive(Args)]
pub struct DestinationArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub hippo: HippoArgs,
    #[command(flatten)]
    pub hippo_deploy: HippoDeployArgs,
}

/// What to deploy.
#[derive(Args)]
#[command(next_help_heading = "Application")]
pub struct ApplicationArgs {
    #[command(flatten)]
    pub source: SourceArgs,

    /// Deploy this package, which `package` wrote, and no sources
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    #[arg(conflicts_with_all = ["from", "variables", "variable_from_env", "build", "buildinfo", "no_buildinfo"])]
    pub package: Option<PathBuf>,

    /// The app's name at the target [default: the manifest's] [env: SPIN_DEPLOY_APP]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub name: Option<String>,
}

/// What to make a package of.
#[derive(Args)]
#[command(next_help_heading = "Application")]
pub struct SourceArgs {
    /// The manifest, or a directory that holds spin.toml
    #[arg(short, long, value_name = "PATH", default_value = ".", aliases = ["file", "from-file"])]
    pub from: PathBuf,

    /// Give a variable its value, or that in a @FILE; may be repeated
    // Taken apart later: clap's errors show the value, which may be a secret.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,

    /// Give a variable the value of the environment variable of this name; may be repeated
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub variable_from_env: Vec<String>,

    /// Build first: spin build [env: SPIN_ALWAYS_BUILD]
    #[arg(long)]
    pub build: bool,
}

/// How to package it.
#[derive(Args)]
#[command(next_help_heading = "Packaging")]
pub struct PackagingArgs {
    /// Build metadata for the version [default: made from the content]
    #[arg(long, value_name = "META", value_parser = build_info, conflicts_with = "no_buildinfo", hide_short_help = true)]
    pub buildinfo: Option<String>,

    /// No build metadata [env: SPIN_DEPLOY_NO_BUILDINFO]
    #[arg(long, hide_short_help = true)]
    pub no_buildinfo: bool,
}

/// What to wait for, and how long.
#[derive(Args)]
#[command(next_help_heading = "Waiting")]
pub struct PatienceArgs {
    /// How long to wait, as 90s [default: 5m] [env: SPIN_DEPLOY_TIMEOUT]
    #[arg(long, value_name = "DURATION", alias = "readiness-timeout", value_parser = NonEmptyStringValueParser::new())]
    pub timeout: Option<String>,

    /// This path has to answer, too, with a status of success or this one [env: SPIN_DEPLOY_CHECK]
    #[arg(long, value_name = "PATH[=STATUS]", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub check: Option<String>,
}

/// Whether to wait, and how.
#[derive(Args)]
#[command(next_help_heading = "Waiting")]
pub struct WaitingArgs {
    #[command(flatten)]
    pub patience: PatienceArgs,

    /// Return as soon as it is released
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
}

/// Under which conditions to release it.
#[derive(Args)]
#[command(next_help_heading = "Releasing")]
pub struct ReleasingArgs {
    /// Say what would be done, as plan does, and do nothing
    #[arg(long, hide_short_help = true)]
    pub dry_run: bool,

    /// Refuse when another release than this is live; none: when any is
    #[arg(long, value_name = "ID|none", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub expect_release: Option<String>,

    /// Put the previous release back when this one, or its check, fails
    #[arg(long, conflicts_with = "no_wait", hide_short_help = true)]
    pub rollback_on_failure: bool,
}

/// What Spin's own deploy command had, up to 1.2, and what is not needed any more.
#[derive(Args)]
pub struct FormerArgs {
    /// What the registry has already is used anyway
    #[arg(short = 'e', long, hide = true)]
    pub deploy_existing_bindle: bool,

    /// Nothing is staged
    #[arg(short = 'd', long, hide = true, value_name = "DIR")]
    pub staging_dir: Option<PathBuf>,

    /// No target takes key-value pairs
    #[arg(long, hide = true, value_name = "KEY=VALUE")]
    pub key_value: Vec<String>,
}

impl DeployArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        self.application.add_to(&mut layer);
        self.destination.add_to(&mut layer);
        self.packaging.add_to(&mut layer);
        self.waiting.patience.add_to(&mut layer);
        self.login.add_to(&mut layer);
        layer
    }
}

impl PlanArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        self.application.add_to(&mut layer);
        self.destination.add_to(&mut layer);
        self.packaging.add_to(&mut layer);
        self.login.add_to(&mut layer);
        layer
    }
}

impl ApplicationArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::App, &self.name)]);
    }
}

impl DestinationArgs {
    pub(super) fn add_to(&self, layer: &mut Layer) {
        self.target.add_to(layer);
        self.connection.add_to(layer);
        self.local.add_to(layer);
        self.hippo.add_to(layer);
        self.hippo_deploy.add_to(layer);
    }
}

impl PackagingArgs {
    pub(super) fn add_to(&self, layer: &mut Layer) {
        switch(layer, Key::NoBuildinfo, self.no_buildinfo);
    }
}

impl PatienceArgs {
    pub(super) fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::Timeout, &self.timeout), (Key::Check, &self.check)]);
    }
}

impl WaitingArgs {
    /// How long to wait, where `timeout` was decided; `None`: not at all.
    pub fn patience(&self, timeout: Duration) -> Option<Duration> {
        Some(timeout).filter(|timeout| !self.no_wait && !timeout.is_zero())
    }
}

/// The part of a semantic version after its `+`.
fn build_info(text: &str) -> Result<String, String> {
    match BuildMetadata::new(text) {
        Ok(build) if !build.is_empty() => Ok(text.to_owned()),
        _ => Err("build metadata is made of letters, digits, - and single dots between them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_metadata_is_that_of_semver() {
        for text in ["s1f2e", "20260801.1", "a-b", "007"] {
            assert_eq!(build_info(text).as_deref(), Ok(text));
        }
        for text in ["", "a..b", "a_b", "a+b", "ü"] {
            assert!(build_info(text).is_err(), "{text}");
        }
    }
}
