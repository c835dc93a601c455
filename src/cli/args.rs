//! Exactly what was typed: no decisions here.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use semver::BuildMetadata;

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
9 unknown · 11 conflict · 130 cancelled · 1 a bug. Standard output holds the URL alone.",
        indented(EXAMPLES.lines())
    )
}

fn indented<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// What stands below the options of `serve`.
pub const AFTER_SERVE_HELP: &str = "\
Ctrl-C or SIGTERM ends it when the requests in flight are answered. A deploy to the target local
starts a server in the background where none is running, and gives it these variables:
SPIN_DEPLOY_LISTEN, SPIN_DEPLOY_FIRST_PORT, SPIN_DEPLOY_MAX_MEMORY, SPIN_DEPLOY_MAX_TIME,
SPIN_DEPLOY_MAX_REQUESTS, SPIN_DEPLOY_MAX_REQUEST_BODY, SPIN_DEPLOY_MAX_RESPONSE_BODY.";

/// The options of `deploy`.
#[derive(Args)]
pub struct DeployArgs {
    #[command(flatten)]
    pub application: ApplicationArgs,
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
    #[command(flatten)]
    pub packaging: PackagingArgs,
    #[command(flatten)]
    pub waiting: WaitingArgs,
    #[command(flatten)]
    pub login: LoginStoreArgs,
    #[command(flatten)]
    pub former: FormerArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

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

/// What to deploy.
#[derive(Args)]
#[command(next_help_heading = "Application")]
pub struct ApplicationArgs {
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

    /// The app's name at the target [default: the manifest's] [env: SPIN_DEPLOY_APP]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub name: Option<String>,
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

/// The options of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Ask the running server to stop, and wait until it has
    #[arg(long)]
    pub stop: bool,

    /// Leave the terminal that this was started from: what a deploy does when no server is running
    #[arg(long, hide = true, conflicts_with = "stop")]
    pub detached: bool,

    #[command(flatten)]
    pub local: LocalArgs,
    #[command(flatten)]
    pub serving: ServingArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How to serve. Taken apart by the settings, which read the variables of the same meaning.
#[derive(Args)]
#[command(next_help_heading = "Serving")]
#[group(id = "serving", multiple = true, conflicts_with = "stop")]
pub struct ServingArgs {
    /// The address to serve on [default: 127.0.0.1]
    #[arg(long, value_name = "IP", value_parser = NonEmptyStringValueParser::new())]
    pub listen: Option<String>,

    /// The port of the first app [default: 3000]
    #[arg(long, value_name = "PORT", value_parser = NonEmptyStringValueParser::new())]
    pub first_port: Option<String>,

    /// Memory of one request [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_memory: Option<String>,

    /// Time of one request [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = NonEmptyStringValueParser::new())]
    pub max_time: Option<String>,

    /// Requests of an app at once [default: 100]
    #[arg(long, value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub max_requests: Option<String>,

    /// Length of a request's body [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_request_body: Option<String>,

    /// Length of an answer's body [default: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = NonEmptyStringValueParser::new())]
    pub max_response_body: Option<String>,
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

/// What a deployment to Hippo needs besides.
#[derive(Args)]
#[command(next_help_heading = "Hippo")]
pub struct HippoDeployArgs {
    /// The channel [default: spin-deploy] [env: SPIN_DEPLOY_CHANNEL]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub channel: Option<String>,

    /// The channel's domain [default: the one that it has]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub domain: Option<String>,

    /// The app's URL, of its {domain} [env: SPIN_DEPLOY_APP_URL]
    #[arg(long, value_name = "TEMPLATE", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub app_url: Option<String>,

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

/// How to package it.
#[derive(Args)]
#[command(next_help_heading = "Packaging and waiting")]
pub struct PackagingArgs {
    /// Build metadata for the version [default: made from the content]
    #[arg(long, value_name = "META", value_parser = build_info, conflicts_with = "no_buildinfo", hide_short_help = true)]
    pub buildinfo: Option<String>,

    /// No build metadata [env: SPIN_DEPLOY_NO_BUILDINFO]
    #[arg(long, hide_short_help = true)]
    pub no_buildinfo: bool,
}

/// How long to wait.
#[derive(Args)]
#[command(next_help_heading = "Packaging and waiting")]
pub struct WaitingArgs {
    /// How long to wait, as 90s [default: 5m] [env: SPIN_DEPLOY_TIMEOUT]
    #[arg(long, value_name = "DURATION", alias = "readiness-timeout", value_parser = NonEmptyStringValueParser::new())]
    pub timeout: Option<String>,

    /// This path has to answer, too, with a status of success or this one [env: SPIN_DEPLOY_CHECK]
    #[arg(long, value_name = "PATH[=STATUS]", value_parser = NonEmptyStringValueParser::new(), hide_short_help = true)]
    pub check: Option<String>,

    /// Return as soon as it is released
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
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

impl DeployArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        set(&mut layer, [(Key::App, &self.application.name), (Key::Check, &self.waiting.check)]);
        set(&mut layer, [(Key::Timeout, &self.waiting.timeout)]);
        self.target.add_to(&mut layer);
        self.connection.add_to(&mut layer);
        self.local.add_to(&mut layer);
        self.hippo.add_to(&mut layer);
        self.hippo_deploy.add_to(&mut layer);
        self.login.add_to(&mut layer);
        switch(&mut layer, Key::NoBuildinfo, self.packaging.no_buildinfo);
        layer
    }
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

impl HippoDeployArgs {
    fn add_to(&self, layer: &mut Layer) {
        let texts = [(Key::Channel, &self.channel), (Key::Domain, &self.domain), (Key::AppUrl, &self.app_url)];
        set(layer, texts);
        set(layer, [(Key::SigningKey, &self.signing_key)]);
    }
}

impl LoginStoreArgs {
    fn add_to(&self, layer: &mut Layer) {
        set(layer, [(Key::CredentialStore, &self.credential_store)]);
    }
}

impl ServeArgs {
    /// The layer of settings that the flags make.
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        set(&mut layer, [(Key::DataDir, &self.local.data_dir)]);
        let texts = [
            (Key::Listen, &self.serving.listen),
            (Key::FirstPort, &self.serving.first_port),
            (Key::MaxMemory, &self.serving.max_memory),
            (Key::MaxTime, &self.serving.max_time),
            (Key::MaxRequests, &self.serving.max_requests),
            (Key::MaxRequestBody, &self.serving.max_request_body),
            (Key::MaxResponseBody, &self.serving.max_response_body),
        ];
        set(&mut layer, texts);
        layer
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

impl WaitingArgs {
    /// How long to wait, where `timeout` was decided; `None`: not at all.
    pub fn patience(&self, timeout: Duration) -> Option<Duration> {
        Some(timeout).filter(|timeout| !self.no_wait && !timeout.is_zero())
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
