//! `doctor` and `targets`: what a deploy would be given, looked at.

use clap::Args;

use super::{AskingArgs, HippoDeployArgs, LocalArgs};
use crate::settings::Layer;

/// The options of `doctor`.
#[derive(Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub hippo_deploy: HippoDeployArgs,
}

/// The options of `targets`.
#[derive(Args)]
pub struct TargetsArgs {
    /// Print each setting of the target, and where it comes from
    #[arg(long)]
    pub show: bool,

    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub hippo_deploy: HippoDeployArgs,
}

impl DoctorArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = self.asking.layer();
        self.local.add_to(&mut layer);
        self.hippo_deploy.add_to(&mut layer);
        layer
    }
}

impl TargetsArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = self.asking.layer();
        self.local.add_to(&mut layer);
        self.hippo_deploy.add_to(&mut layer);
        layer
    }
}
