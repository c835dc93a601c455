//! `package` and `promote`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::{
    DestinationArgs, LoginStoreArgs, OutputArgs, PackagingArgs, ReleasingArgs, SourceArgs, TargetArgs, WaitingArgs, set,
};
use crate::settings::{Key, Layer};

/// The options of `package`.
#[derive(Args)]
pub struct PackageArgs {
    /// Where to: a new directory, or a file that ends in .tar.gz [default: NAME-VERSION.tar.gz]
    #[arg(value_name = "PATH")]
    pub to: Option<PathBuf>,

    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub packaging: PackagingArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `promote`.
#[derive(Args)]
pub struct PromoteArgs {
    /// The target whose live release is taken
    #[arg(long, value_name = "TARGET", value_parser = NonEmptyStringValueParser::new(), help_heading = "Application")]
    pub from: String,

    /// The manifest, or a directory that holds spin.toml: it names the app
    #[arg(long, value_name = "PATH", default_value = ".", help_heading = "Application")]
    pub file: PathBuf,

    /// The app's name at both targets [default: the manifest's] [env: SPIN_DEPLOY_APP]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Application")]
    pub name: Option<String>,

    #[command(flatten)]
    pub destination: DestinationArgs,
    #[command(flatten)]
    pub waiting: WaitingArgs,
    #[command(flatten)]
    pub releasing: ReleasingArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl PackageArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        self.target.add_to(&mut layer);
        self.packaging.add_to(&mut layer);
        layer
    }
}

impl PromoteArgs {
    /// The layer of settings that the flags make for the target that it goes to.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        set(&mut layer, [(Key::App, &self.name)]);
        self.destination.add_to(&mut layer);
        self.waiting.patience.add_to(&mut layer);
        self.login.add_to(&mut layer);
        layer
    }
}
