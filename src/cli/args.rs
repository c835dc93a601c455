//! Exactly what was typed: no decisions here. This file has what several commands take, the files below it the commands.

mod accounts;
mod app;
mod deploy;
mod package;
mod serve;
mod settings;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

pub use accounts::{LoginArgs, LogoutArgs, WhoamiArgs};
pub use app::{AppArgs, DestroyArgs, LogsArgs, ReleasesArgs, RollbackArgs, StatusArgs, WaitArgs};
pub use deploy::{
    ApplicationArgs, DeployArgs, DestinationArgs, FormerArgs, PackagingArgs, PatienceArgs, PlanArgs, ReleasingArgs,
    SourceArgs, WaitingArgs,
};
pub use package::{PackageArgs, PromoteArgs};
pub use serve::{AFTER_SERVE_HELP, ServeArgs};
pub use settings::{DoctorArgs, TargetsArgs};

use crate::settings::{Key, Layer, Origin};
use crate::ui::Verbosity;

/// How it is used.
pub const EXAMPLES: &str = "\
spin-deploy --target local
spin-deploy login --hippo-url https://hippo.test --bindle-server https://bindle.test/v1
spin-deploy --hippo-url https://hippo.test --bindle-server https://bindle.test/v1";

/// What stands below the usual options.
pub fn after_short_help() -> String {
    // The last one goes without saying, after the one before it.
    format!("Examples:\n{}", indented(EXAMPLES.lines().take(2)))
}

/// What stands below all options.
pub fn after_help() -> String {
    format!(
        "Examples:\n{}\n\n\
Exit codes: 0 live · 2 usage · 3 application · 4 login · 5 network · 6 upload · 7, 8 release ·
9 unknown · 10 put back · 11 conflict · 130 cancelled · 1 a bug. Standard output holds the URL alone.",
        indented(EXAMPLES.lines())
    )
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// What every command takes that asks a target something.
#[derive(Args)]
pub struct AskingArgs {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub hippo: HippoArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The options of `completions`.
#[derive(Args)]
pub struct CompletionsArgs {
    /// For which shell: bash, elvish, fish, powershell, zsh
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Which project's configuration counts.
#[derive(Args)]
#[command(next_help_heading = "Target")]
pub struct ProjectArgs {
    /// The manifest, or a directory: a spin-deploy.toml beside it counts
    #[arg(short, long, value_name = "PATH", default_value = ".", aliases = ["file", "from-file"])]
    pub from: PathBuf,
}

/// Where to deploy it.
#[derive(Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// A configured target, or a driver [env: SPIN_DEPLOY_TARGET]
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub target: Option<String>,
}

/// How to get there.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Trust these authorities, too [env: SPIN_DEPLOY_CA_CERT]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub ca_cert: Option<PathBuf>,

    /// Accept any certificate
    #[arg(short = 'k', long, hide_short_help = true)]
    pub insecure: bool,

    /// Send credentials over plain HTTP to other machines
    #[arg(long, hide_short_help = true)]
    pub allow_insecure_credentials: bool,
}

/// What the local target and its server need.
#[derive(Args)]
#[command(next_help_heading = "Local")]
pub struct LocalArgs {
    /// Where apps are stored [default: in your home] [env: SPIN_DEPLOY_DATA_DIR]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub data_dir: Option<PathBuf>,
}

/// Where Hippo is, and who we are there.
#[derive(Args)]
#[command(next_help_heading = "Hippo")]
pub struct HippoArgs {
    /// Hippo's address [env: HIPPO_URL]
    #[arg(long, value_name = "URL", alias = "hippo-server", value_parser = NonEmptyStringValueParser::new())]
    pub hippo_url: Option<String>,

    /// A token, instead of a username [env: HIPPO_TOKEN]
    #[arg(long, value_name = "TOKEN", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub hippo_token: Option<String>,

    /// Read the token from standard input
    #[arg(long, conflicts_with_all = ["hippo_token", "hippo_password_stdin"], hide_short_help = true)]
    pub hippo_token_stdin: bool,

    /// A user at Hippo [env: HIPPO_USERNAME]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub hippo_username: Option<String>,

    /// The user's password [env: HIPPO_PASSWORD]
    #[arg(long, value_name = "PASSWORD", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub hippo_password: Option<String>,

    /// Read the password from standard input
    #[arg(long, conflicts_with = "hippo_password", hide_short_help = true)]
    pub hippo_password_stdin: bool,

    /// The Bindle server [env: BINDLE_SERVER_URL or BINDLE_URL]
    #[arg(long, value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub bindle_server: Option<String>,

    /// A user at the Bindle server [env: BINDLE_USERNAME]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub bindle_username: Option<String>,

    /// The user's password [env: BINDLE_PASSWORD]
    #[arg(long, value_name = "PASSWORD", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub bindle_password: Option<String>,

    /// Of the logins of Spin 0.6 to 1.2, the one of this name
    #[arg(long, hide = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub environment_name: Option<String>,
}

/// Which of an application's channels at Hippo is meant, and where it answers.
#[derive(Args)]
#[command(next_help_heading = "Hippo")]
pub struct HippoChannelArgs {
    /// The channel [default: spin-deploy] [env: SPIN_DEPLOY_CHANNEL]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub channel: Option<String>,

    /// The app's URL, of its {domain} [env: SPIN_DEPLOY_APP_URL]
    #[arg(long, value_name = "TEMPLATE", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub app_url: Option<String>,
}

/// What a deployment to Hippo needs besides.
#[derive(Args)]
#[command(next_help_heading = "Hippo")]
pub struct HippoDeployArgs {
    #[command(flatten)]
    pub channel: HippoChannelArgs,

    /// The channel's domain [default: the one that it has]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub domain: Option<String>,

    /// Sign packages with this key [env: SPIN_DEPLOY_SIGNING_KEY]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub signing_key: Option<PathBuf>,
}

/// What is asked at the terminal, and where answers are kept.
#[derive(Args)]
#[command(next_help_heading = "Login")]
pub struct LoginStoreArgs {
    /// Never ask at the terminal [env: CI]
    #[arg(long, hide_short_help = true)]
    pub no_input: bool,

    /// Where logins are kept [default: file] [env: SPIN_DEPLOY_CREDENTIAL_STORE]
    #[arg(long, value_name = "file|keyring", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub credential_store: Option<String>,
}

/// What is printed, and how.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Words for people, or JSON, one object a line
    #[arg(long, value_name = "human|json", value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,

    /// Print errors and the URL only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print each uploaded file and each change as well
    #[arg(short, long)]
    pub verbose: bool,

    /// When to use colours [env: NO_COLOR]
    #[arg(
        long,
        value_name = "auto|always|never",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub color: Colour,
}

/// For whom to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

impl AskingArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        self.target.add_to(&mut layer);
        self.connection.add_to(&mut layer);
        self.hippo.add_to(&mut layer);
        self.login.add_to(&mut layer);
        layer
    }
}

impl TargetArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::Target, &self.target)]);
    }
}

impl ConnectionArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::CaCert, &self.ca_cert)]);
        switch(layer, Key::Insecure, self.insecure);
        switch(layer, Key::AllowInsecureCredentials, self.allow_insecure_credentials);
    }
}

impl LocalArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::DataDir, &self.data_dir)]);
    }
}

impl HippoArgs {
    fn add_to(&self, layer: &mut Layer) {
        let texts = [
            (Key::HippoUrl, &self.hippo_url),
            (Key::HippoToken, &self.hippo_token),
            (Key::HippoUsername, &self.hippo_username),
            (Key::HippoPassword, &self.hippo_password),
            (Key::BindleServer, &self.bindle_server),
            (Key::BindleUsername, &self.bindle_username),
            (Key::BindlePassword, &self.bindle_password),
            (Key::SpinEnvironment, &self.environment_name),
        ];
        set(layer, texts);
    }
}

impl HippoChannelArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::Channel, &self.channel), (Key::AppUrl, &self.app_url)]);
    }
}

impl HippoDeployArgs {
    fn add_to(&self, layer: &mut Layer) {
        self.channel.add_to(layer);
        set(layer, [(Key::Domain, &self.domain)]);
        set(layer, [(Key::SigningKey, &self.signing_key)]);
    }
}

impl LoginStoreArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::CredentialStore, &self.credential_store)]);
    }
}

/// Sets what was given.
fn set<'a, T: Into<OsString> + Clone + 'a>(layer: &mut Layer, values: impl IntoIterator<Item = (Key, &'a Option<T>)>) {
    for (key, value) in values {
        if let Some(value) = value {
            layer.set(key, value.clone(), Origin::Flag(key.flag()));
        }
    }
}

fn switch(layer: &mut Layer, key: Key, on: bool) {
    if on {
        layer.set(key, "true", Origin::Flag(key.flag()));
    }
}

impl OutputArgs {
    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}
